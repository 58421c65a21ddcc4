import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { developmentSample, layOver, startVite, type ViteServer } from '../support/development.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { findLeaks, recordTraffic } from '../support/traffic.ts'
import { signOut } from '../support/visitor-in-browser.ts'
import { type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { callApi, callOverSocket, openWatched, seeHotUpdate, signInToApp, viteApp } from './vite-app.ts'

const heading = 'Vite behind the gateway'

describe('Vite behind the gateway, as docs/development.md has it', () => {
  let stage: Stage
  let vite: ViteServer
  let feed: SocketServer
  let browser: Browser

  before(async () => {
    feed = await startSocketServer({ echoes: true })
    vite = await startVite(viteApp, developmentSample(heading, 'js', { 5173: '0' }))
    const viteAddress = vite.origin.replace('localhost', '127.0.0.1')
    stage = await startStage({
      https: false,
      change: config => {
        const parts = { 'http://127.0.0.1:8082': config.routes[0]?.upstream ?? '', 'http://127.0.0.1:8084': feed.origin }
        return layOver(config, developmentSample(heading, 'yaml', { ...parts, 'http://127.0.0.1:5173': viteAddress }))
      },
    })
    browser = await launchBrowser()
  })

  after(async () => {
    await browser?.close()
    await feed?.close()
    await stage?.close()
    await vite?.close()
  })

  it('signs people in and back to where they were, calls the API, updates through our socket, and signs them out', async () => {
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
    const origin = stage.gateway.replace('http:', 'ws:')
    assert.deepEqual(
      watched.sockets.map(({ url }) => url).filter(url => !url.startsWith(`${origin}/`)),
      [],
      'Vite’s client went past the gateway',
    )
    assert.deepEqual(findLeaks(await traffic.seen(), [...stage.issued]), [])
    assert.deepEqual(watched.complaints, [])
    await context.close()
  })
})
