import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { listenAt, type Running } from '../../src/demo/listening.ts'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { openPage, signIn } from '../support/visitor-in-browser.ts'

describe('a page that attacks somebody who is signed in, in Chromium', () => {
  let stage: Stage
  let browser: Browser
  // On localhost too: another port is the same site, so the browser sends the Strict cookie along.
  let neighbour: Running
  let stranger: Running
  let context: BrowserContext
  let home: Page

  before(async () => {
    const blank = () => createServer((_req, res) => res.setHeader('content-type', 'text/html').end('<!doctype html><title>attack</title>'))
    neighbour = await listenAt(blank(), { host: '127.0.0.1', name: 'localhost', port: 0, spare: 0 })
    stranger = await listenAt(blank(), { host: '127.0.0.1', port: 0, spare: 0 })
    stage = await startStage({ https: false })
    browser = await launchBrowser()
    context = await browser.newContext()
    home = (await openPage(context)).page
    await signIn(home, stage)
  })

  after(async () => {
    await browser?.close()
    await Promise.all([stage, neighbour, stranger].map(one => one?.close()))
  })

  const countOrders = () =>
    home.evaluate(async () => ((await (await fetch('/api/orders')).json()) as { orders: readonly unknown[] }).orders.length)

  it('CSRF-01 A-047 gets no form through to the API, and the API never sees it', async () => {
    const { page } = await openPage(context)
    const before = await countOrders()

    const answers: Record<string, number | undefined> = {}
    for (const [who, attacker] of Object.entries({ neighbour, stranger })) {
      await page.goto(attacker.origin)
      const answered = page.waitForResponse(response => response.url() === `${stage.gateway}/api/orders`)
      await page.evaluate(action => {
        const form = Object.assign(document.createElement('form'), { method: 'post', enctype: 'text/plain', action })
        form.append(Object.assign(document.createElement('input'), { name: '{"item":"', value: 'Stolen goods"}' }))
        document.body.append(form)
        form.submit()
      }, `${stage.gateway}/api/orders`)
      answers[who] = (await answered).status()
      await page.waitForURL(`${stage.gateway}/api/orders`)
    }

    // The stranger's form comes without the cookie.
    assert.deepEqual(answers, { neighbour: 403, stranger: 401 })
    assert.equal(await countOrders(), before)
    await page.close()
  })

  it('CSRF-01 reads nothing: refused here, with the cookie sent along or not, and kept back by the browser', async () => {
    const { page } = await openPage(context)
    const refused: Record<string, readonly unknown[]> = {}

    for (const [who, attacker] of Object.entries({ neighbour, stranger })) {
      await page.goto(attacker.origin)
      const before = stage.audit.length
      const answers = await page.evaluate(async origin => {
        const read = (path: string, mode: RequestMode) =>
          fetch(origin + path, { mode, credentials: 'include' }).then(
            async response => `${response.type} ${await response.text()}`,
            () => 'blocked',
          )
        return [await read('/api/orders', 'cors'), await read('/auth/session', 'cors'), await read('/api/orders', 'no-cors')]
      }, stage.gateway)
      refused[who] = stage.audit.slice(before).map(line => line.code)
      for (const answer of answers) assert.match(answer, /^(blocked|opaque )$/)
    }

    // The stranger comes without the cookie: to the API that is somebody not signed in, which nobody records.
    const foreign = 'cross_site_refused'
    assert.deepEqual(refused, { neighbour: [foreign, foreign, foreign], stranger: [foreign] })
    await page.close()
  })

  it('signs nobody out: a form of another site, or a link', async () => {
    const { page } = await openPage(context)
    await page.goto(neighbour.origin)
    const answered = page.waitForResponse(response => response.url() === `${stage.gateway}/auth/logout`)

    await page.evaluate(action => {
      const form = Object.assign(document.createElement('form'), { method: 'post', action })
      document.body.append(form)
      form.submit()
    }, `${stage.gateway}/auth/logout`)

    assert.equal((await answered).status(), 403)
    await page.waitForURL(`${stage.gateway}/auth/logout`)
    await page.goto(`${stage.gateway}/auth/logout`)
    await home.reload()
    assert.ok(await home.getByText('Signed in as Alice Archer').isVisible())
    await page.close()
  })
})
