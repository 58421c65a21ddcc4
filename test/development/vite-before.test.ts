import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { developmentSample, layOver, startVite, type ViteServer } from '../support/development.ts'
import { type Described, type Stage, startStage } from '../support/stage.ts'
import { findLeaks, recordTraffic } from '../support/traffic.ts'
import { signOut } from '../support/visitor-in-browser.ts'
import { type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { callApi, callOverSocket, openWatched, seeHotUpdate, signInToApp, viteApp } from './vite-app.ts'

const heading = 'Vite before the gateway'

describe('Vite before the gateway, as docs/development.md has it', () => {
  let stage: Stage
  let vite: ViteServer
  let feed: SocketServer
  let browser: Browser

  before(async () => {
    feed = await startSocketServer({ echoes: true })
    stage = await startBehindVite(config => config)
    browser = await launchBrowser()
  })

  after(async () => {
    await browser?.close()
    await feed?.close()
    await (stage ?? vite)?.close()
  })

  /** @param edit of Vite's configuration */
  function startBehindVite(edit: (config: string) => string): Promise<Stage> {
    return startStage({
      https: false,
      async inFront(gateway) {
        const config = developmentSample(heading, 'js', { 'http://127.0.0.1:8080': gateway.replace('localhost', '127.0.0.1'), 5173: '0' })
        vite = await startVite(viteApp, edit(config))
        return vite
      },
      change(config: Described) {
        const api = config.routes[0]?.upstream ?? ''
        const sample = { 'http://localhost:5173': vite.origin, 'http://127.0.0.1:8082': api, 'http://127.0.0.1:8084': feed.origin }
        return layOver(
          config,
          developmentSample(heading, 'yaml', { ...sample, 'http://127.0.0.1:5173': vite.origin.replace('localhost', '127.0.0.1') }),
        )
      },
    })
  }

  it('signs people in and back to where they were, calls the API, updates while it runs, and signs them out', async () => {
    const context = await browser.newContext()
    const traffic = recordTraffic(context)
    const watched = await openWatched(context)
    const { page } = watched

    await signInToApp(watched, stage)
    const [status, answer] = await callApi(page)
    const echo = await callOverSocket(page)
    await seeHotUpdate(watched, vite)
    await traffic.look(page)
    await signOut(page)
    await page.goto(`${stage.gateway}/orders/7`)
    await page.getByText('nobody').waitFor()

    assert.equal(status, 200, JSON.stringify(answer))
    assert.equal((await callApi(page))[0], 401)
    const [, token = ''] = feed.handshakes[0]?.headers.authorization?.split(' ') ?? []
    assert.deepEqual([echo, stage.issued.has(token)], ['hello', true])
    assert.deepEqual([await callOverSocket(page), feed.handshakes.length], [null, 1])
    assert.deepEqual(findLeaks(await traffic.seen(), [...stage.issued]), [])
    assert.deepEqual(watched.complaints, [])
    await context.close()
  })

  it('is misled by the short form of a proxy entry, which changes Host: 421 wrong_authority', async () => {
    const misled = await startBehindVite(config => config.replace("'^/auth/': gateway,", "'^/auth/': gateway.target,"))

    const answer = await fetch(`${misled.gateway}/auth/session`)

    assert.deepEqual([answer.status, answer.headers.get('sallyport-error')], [421, 'wrong_authority'])
    await misled.close()
  })
})
