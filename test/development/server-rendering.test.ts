import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Running } from '../../src/demo/listening.ts'
import { launchBrowser } from '../support/browser.ts'
import { developmentSample, layOver, startProgram } from '../support/development.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { findLeaks, recordTraffic } from '../support/traffic.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { fillIn, openPage, signOut } from '../support/visitor-in-browser.ts'

const heading = 'Server rendering behind the gateway'

describe('a server that renders pages, as docs/development.md has it', () => {
  let api: Upstream
  let server: Running
  let stage: Stage
  let browser: Browser
  let answer: (req: IncomingMessage, res: ServerResponse) => void

  before(async () => {
    api = await startUpstream((req, res) => answer(req, res))
    server = await startProgram('server.mjs', port =>
      developmentSample(heading, 'js', { 'http://127.0.0.1:8082': api.origin, 'listen(3000': `listen(${port}` }),
    )
    const addresses = { 'http://127.0.0.1:8082': api.origin, 'http://127.0.0.1:3000': server.origin }
    stage = await startStage({ https: false, change: config => layOver(config, developmentSample(heading, 'yaml', addresses)) })
    browser = await launchBrowser()
  })

  after(async () => {
    await browser?.close()
    await stage?.close()
    await server?.close()
    await api?.close()
  })

  beforeEach(() => {
    api.requests.length = 0
    answer = (_req, res) => res.end(JSON.stringify({ orders: [{ item: 'Lantern <1>' }] }))
  })

  /** Follows a link to the orders while signed out, and signs in on the way. */
  async function signIn(context: BrowserContext, who: 'alice' | 'bob' = 'alice'): Promise<Page> {
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/`)
    await page.getByRole('heading', { name: 'Welcome stranger' }).waitFor()
    await page.getByRole('link', { name: 'Orders' }).click()
    await fillIn(page, stage.people[who])
    await page.getByRole('heading', { name: `Orders for ${stage.people[who].name}` }).waitFor()
    return page
  }

  it('shows a page to the person who signed in on the way to it, and no token to the browser', async () => {
    const context = await browser.newContext()
    const traffic = recordTraffic(context)

    const page = await signIn(context)
    await traffic.look(page)

    assert.equal(page.url(), `${stage.gateway}/orders`)
    assert.deepEqual(await page.getByRole('listitem').allTextContents(), ['Lantern <1>'])
    const [, token = ''] = api.requests.at(-1)?.headers.authorization?.split(' ') ?? []
    assert.ok(stage.issued.has(token), 'the API gets a token of the provider')
    const seen = await traffic.seen()
    assert.deepEqual(findLeaks(seen, [...stage.issued]), [])
    const shown = seen.find(({ text }) => text.includes('<h1>Orders for Alice Archer</h1>') && text.includes('x-request-id: '))
    assert.match(shown?.text ?? '', /^cache-control: private, no-store$/im)
    await context.close()
  })

  it('streams: the person reads the head of the page while the API is still at work', async () => {
    const context = await browser.newContext()
    const page = await signIn(context)
    let finish = () => {}
    answer = (_req, res) => {
      res.flushHeaders()
      finish = () => res.end(JSON.stringify({ orders: [{ item: 'Compass' }] }))
    }

    await page.goto(`${stage.gateway}/orders`, { waitUntil: 'commit' })
    await page.getByRole('heading', { name: 'Orders for Alice Archer' }).waitFor()
    assert.equal(await page.getByText('Compass').count(), 0)
    finish()
    await page.getByText('Compass').waitFor()

    await context.close()
  })

  it('keeps people apart who look at one page at the same time', async () => {
    const contexts = await Promise.all([browser.newContext(), browser.newContext()])
    const [alice, bob] = [await signIn(contexts[0]), await signIn(contexts[1], 'bob')]
    const names = () => Promise.all([alice, bob].map(page => page.getByRole('heading').textContent()))

    for (let round = 0; round < 3; round += 1) {
      await Promise.all([alice.reload(), bob.reload()])
      assert.deepEqual(await names(), ['Orders for Alice Archer', 'Orders for Bob Baker'])
    }

    for (const context of contexts) await context.close()
  })

  it('hands a 401 of the API on, and the page is asked for again with a new token', async () => {
    const context = await browser.newContext()
    const page = await signIn(context)
    const refused = api.requests.at(-1)?.headers.authorization
    const willing = answer
    answer = (req, res) =>
      req.headers.authorization === refused ? res.writeHead(401, { 'www-authenticate': 'Bearer' }).end() : willing(req, res)
    // A token that is younger is not renewed for a 401: docs/proxying.md.
    stage.advance(11_000)
    api.requests.length = 0

    await page.reload()

    assert.deepEqual(await page.getByRole('listitem').allTextContents(), ['Lantern <1>'])
    assert.equal(api.requests.length, 2)
    await context.close()
  })

  it('tells a script that nobody is signed in, and sends it nowhere', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/`)

    const told = await page.evaluate(async () => {
      const response = await fetch('/orders')
      const { login_url } = await response.json()
      return [response.status, response.redirected, response.headers.get('sallyport-error'), login_url]
    })

    assert.deepEqual(told, [401, false, 'not_signed_in', '/auth/login'])
    assert.deepEqual(api.requests, [])
    await context.close()
  })

  it('leaves no byte of the person after signing out: not on Back, not on reload, not at the old address', async () => {
    const context = await browser.newContext()
    const page = await signIn(context)
    const name = stage.people.alice.name
    await page.goto(`${stage.gateway}/`)
    await page.getByRole('heading', { name: `Welcome ${name}` }).waitFor()
    await page.goto(`${stage.gateway}/orders`)
    await page.getByText('Lantern').waitFor()

    await signOut(page)

    for (let steps = 0; steps < 4; steps += 1) {
      await page.goBack().catch(() => null)
      const content = await page.content()
      assert.ok(!content.includes(name) && !content.includes('Lantern'), `${page.url()} shows her page`)
    }
    await page.goto(`${stage.gateway}/`)
    await page.getByRole('heading', { name: 'Welcome stranger' }).waitFor()
    await page.goto(`${stage.gateway}/orders`)
    await page.getByLabel('Password').waitFor()
    await context.close()
  })
})
