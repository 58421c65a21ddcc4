import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import type { Client, SessionEvent } from '../../src/client/client.ts'
import { startTestGateway, type TestGateway } from '../../src/testing/start-test-gateway.ts'
import { launchBrowser } from '../support/browser.ts'
import { answerClientPage } from '../support/client-page.ts'
import { eventually } from '../support/eventually.ts'

/** In the page. */
declare global {
  var client: Client
  var told: unknown[]
  var ready: boolean
}

const routes = [
  { path: '/api', kind: 'api', access: 'signed-in' },
  { path: '/api/strong', kind: 'api', access: 'signed-in', require: { acr: 'mfa' } },
  { path: '/', access: 'anyone', kind: 'page' },
]

describe('sallyport/client, in Chromium', () => {
  let t: TestGateway
  let browser: Browser
  let context: BrowserContext
  let page: Page
  /** Paths that the page, or a frame of it, was navigated to. */
  let visited: string[]

  before(async () => {
    t = await startTestGateway({ routes, people: { alice: { claims: { name: 'Alice' } } }, upstream: answerClientPage })
    browser = await launchBrowser()
  })
  after(async () => {
    await browser?.close()
    await t?.close()
  })
  beforeEach(async testContext => {
    context = await browser.newContext()
    if ('after' in testContext) testContext.after(() => context.close())
    page = await openTab('/')
    visited = []
    page.on('request', request => {
      if (request.isNavigationRequest()) visited.push(new URL(request.url()).pathname)
    })
  })

  async function openTab(path: string): Promise<Page> {
    const tab = await context.newPage()
    tab.setDefaultTimeout(20_000)
    await tab.goto(t.origin + path)
    await isReady(tab)
    return tab
  }

  const isReady = (tab: Page) => tab.waitForFunction(() => globalThis.ready === true)

  /** At the provider: whoever is asked for. */
  async function choose(tab: Page, name = 'alice'): Promise<void> {
    await tab.getByRole('button', { name }).click()
    await tab.waitForURL(url => url.origin === t.origin && !url.pathname.startsWith('/auth/'))
    await isReady(tab)
  }

  async function signIn(tab: Page): Promise<void> {
    await tab.evaluate(() => void client.login())
    await choose(tab)
  }

  /** The status of a call. */
  const call = (tab: Page, path: string) => tab.evaluate(async asked => (await client.fetch(asked)).status, path)
  const logins = () => visited.filter(path => path === '/auth/login').length

  it('says who is signed in, and signs in on the way back to the very place', async () => {
    assert.equal((await page.evaluate(() => client.getSession())).authenticated, false)

    await page.goto(`${t.origin}/orders?open=1#top`)
    await isReady(page)
    await signIn(page)

    assert.equal(page.url(), `${t.origin}/orders?open=1#top`)
    const session = await page.evaluate(() => client.getSession())
    assert.ok(session.authenticated)
    assert.equal(session.user.name, 'Alice')
  })

  it('begins one sign-in for any number of calls that are refused, and leaves them open', async () => {
    await page.evaluate(() => {
      for (let i = 0; i < 20; i++) client.fetch(`/api/orders/${i}`).then(() => told.push(i))
    })
    await page.getByRole('button', { name: 'alice' }).waitFor()

    assert.equal(logins(), 1)
    await choose(page)
    assert.equal(await call(page, '/api/orders'), 200)
  })

  it('asks the page once, and gives each call its refusal when the page stays', async () => {
    const tab = await openTab('/?stay')

    const statuses = await tab.evaluate(() =>
      Promise.all(Array.from({ length: 20 }, async () => (await client.fetch('/api/orders')).status)),
    )

    assert.deepEqual(new Set(statuses), new Set([401]))
    const loginUrl = '/auth/login?return_to=%2F%3Fstay'
    assert.deepEqual(await tab.evaluate(() => told), [{ code: 'not_signed_in', loginUrl }])
  })

  it('does not go in a circle: refused right after a sign-in, it says so in place of another', async () => {
    await signIn(page)
    await refuse(page)
    visited.length = 0

    await page.evaluate(() => void client.fetch('/api/orders'))
    await page.waitForURL(`${t.origin}/`)
    await eventually(() => logins() === 1)
    await eventually(() => page.evaluate(() => globalThis.ready === true).catch(() => false))
    const failure = await page.evaluate(() => client.fetch('/api/orders').catch(error => [error.name, error.code]))

    assert.deepEqual(failure, ['SallyportError', 'sign_in_loop'])
    assert.equal(logins(), 1)
  })

  it('tells the page of a circle where it listens for that', async () => {
    await page.goto(`${t.origin}/?loop`)
    await signIn(page)
    await refuse(page)
    await page.evaluate(() => void client.fetch('/api/orders'))
    await page.waitForURL(/loop/)
    await eventually(() => page.evaluate(() => globalThis.ready === true).catch(() => false))

    await eventually(async () => (await call(page, '/api/orders').catch(() => 0)) === 401)

    assert.ok((await page.evaluate(() => told)).includes('sign_in_loop'))
  })

  /** From now on the page's calls are refused as if nobody were signed in, whoever is. */
  async function refuse(tab: Page): Promise<void> {
    const headers = { 'sallyport-error': 'not_signed_in', 'content-type': 'application/problem+json' }
    await tab.route('**/api/orders', route => route.fulfill({ status: 401, headers, body: '{"login_url":"/auth/login"}' }))
  }

  it('follows a step-up, with what the route demands', async () => {
    await signIn(page)

    await page.evaluate(() => void client.fetch('/api/strong'))
    await page.getByRole('button', { name: 'alice' }).waitFor()
    assert.equal(new URL(page.url()).searchParams.get('acr_values'), 'mfa')
    await choose(page)

    assert.equal(await call(page, '/api/strong'), 200)
  })

  it('leaves the 401 of an API, and that of a background call, to whoever called', async () => {
    const background = await page.evaluate(async () => (await client.fetch('/api/orders', { background: true })).status)
    await signIn(page)

    assert.deepEqual([background, await call(page, '/api/mine')], [401, 401])
    assert.equal(logins(), 1)
  })

  it('marks background calls, which are no activity', async () => {
    await signIn(page)
    const idleAt = async () => {
      const session = await page.evaluate(() => client.getSession())
      return session.authenticated ? session.session.idle_expires_at : ''
    }
    const before = await idleAt()
    t.clock.advance(5 * 60_000)

    await page.evaluate(() => client.fetch('/api/orders', { background: true }))
    const polled = await idleAt()
    await page.evaluate(() => client.fetch('/api/orders'))

    assert.equal(polled, before)
    await eventually(async () => (await idleAt()) > before)
  })

  it('sends nothing of ours to another origin', async () => {
    const headers: Record<string, string>[] = []
    await page.route('http://elsewhere.test/**', route => {
      headers.push(route.request().headers())
      return route.fulfill({ status: 401, headers: { 'access-control-allow-origin': '*' }, body: '' })
    })

    const status = await page.evaluate(async () => (await client.fetch('http://elsewhere.test/api')).status)

    assert.deepEqual([status, headers.length, headers[0]?.['x-csrf']], [401, 1, undefined])
  })

  describe('subscribe', () => {
    const subscribe = (tab: Page) =>
      tab.evaluate(() => {
        const types: string[] = []
        client.subscribe(event => types.push(describeEvent(event)))
        Object.assign(globalThis, { types })
        function describeEvent(event: SessionEvent) {
          return event.type === 'session_ended' ? `${event.type} ${event.reason}` : event.type
        }
      })
    const types = (tab: Page) => tab.evaluate(() => (globalThis as unknown as { types: string[] }).types)
    const hears = (tab: Page, ...expected: string[]) => eventually(async () => (await types(tab)).join() === expected.join())

    it('tells every tab of the end at once, by one stream among them, and of the next beginning', async () => {
      let streams = 0
      context.on('request', request => {
        if (request.url().endsWith('/auth/events')) streams++
      })
      await signIn(page)
      const tab = await openTab('/')
      await Promise.all([subscribe(page), subscribe(tab)])
      await Promise.all([hears(page, 'session_started'), hears(tab, 'session_started')])
      await eventually(() => streams > 0)
      assert.equal(streams, 1)

      await page.evaluate(() => void client.logout())
      await hears(tab, 'session_started', 'session_ended logged_out')
      await page.waitForURL(/logged-out/)
      await page.goto(t.origin)
      await isReady(page)
      await subscribe(page)
      await signIn(page)
      await subscribe(page)

      await hears(tab, 'session_started', 'session_ended logged_out', 'session_started')
    })

    it('tells of an end that comes from elsewhere, and before it that it is near', async () => {
      await signIn(page)
      await subscribe(page)
      await hears(page, 'session_started')

      t.clock.advance(29 * 60_000)
      await hears(page, 'session_started', 'session_expiring')
      t.clock.advance(2 * 60_000)

      await hears(page, 'session_started', 'session_expiring', 'session_ended idle')
    })

    it('tells of no end when a sign-in in another tab puts another session in the place of the first', async () => {
      await signIn(page)
      await subscribe(page)
      await hears(page, 'session_started')

      const tab = await openTab('/')
      await tab.evaluate(() => void client.login({ query: { prompt: 'login' } }))
      await choose(tab)

      await hears(page, 'session_started', 'session_started')
    })

    it('tells a warning once, however often it comes', async () => {
      await signIn(page)
      const tab = await openTab('/')
      await Promise.all([subscribe(page), subscribe(tab)])
      await Promise.all([hears(page, 'session_started'), hears(tab, 'session_started')])

      await tab.evaluate(() => {
        const channel = new BroadcastChannel('sallyport:/auth')
        const warning = { type: 'session_expiring', reason: 'idle', expires_at: '2026-11-22T12:00:00Z', expires_in: 60 }
        for (const event of [warning, warning, { type: 'session_ended' }]) channel.postMessage(event)
      })

      await hears(page, 'session_started', 'session_expiring', 'session_ended undefined')
    })

    it('is over when it is ended', async () => {
      await signIn(page)
      const events = await page.evaluate(async () => {
        const types: string[] = []
        const end = client.subscribe(event => types.push(event.type))
        end()
        await client.getSession()
        // As long as it is held by somebody else, this waits.
        await navigator.locks.request('sallyport:/auth', () => {})
        return types
      })

      assert.deepEqual(events, [])
    })
  })

  it('signs out, and by a form where the call cannot be made', async () => {
    await signIn(page)
    await page.route('**/auth/logout', (route, request) => (request.resourceType() === 'fetch' ? route.abort() : route.continue()))

    await page.evaluate(() => void client.logout({ everywhere: true }))
    await page.waitForURL(/logged-out/)

    assert.ok(t.audit.some(({ event, reason }) => event === 'logout' && reason === 'everywhere'))
    await page.goto(t.origin)
    await isReady(page)
    assert.equal((await page.evaluate(() => client.getSession())).authenticated, false)
  })

  it('stays, and throws, when the session could not be ended', async () => {
    await signIn(page)
    const headers = { 'sallyport-error': 'store_unavailable' }
    await page.route('**/auth/logout', route => route.fulfill({ status: 503, headers, body: '' }))

    const failure = await page.evaluate(() => client.logout().catch(error => [error.name, error.status, error.code]))

    assert.deepEqual(failure, ['SallyportError', 503, 'store_unavailable'])
  })

  describe('openSocket', () => {
    it('comes back when the connection is lost, and no longer when the session has ended', async () => {
      let connections = 0
      await page.routeWebSocket('**/api/live', socket => {
        connections++
        socket.onMessage(message => socket.close(message === 'lose' ? { code: 1012 } : { code: 4401 }))
      })
      await page.evaluate(() => {
        const socket = client.openSocket('/api/live', {
          onOpen: () => told.push('open'),
          onSignedOut: () => told.push('signed out'),
        })
        Object.assign(globalThis, { socket })
      })
      const send = (text: string) =>
        eventually(() =>
          page.evaluate(sent => (globalThis as unknown as { socket: { send(data: string): boolean } }).socket.send(sent), text),
        )

      await send('lose')
      await eventually(() => connections === 2)
      await send('end')

      await eventually(async () => (await page.evaluate(() => told)).join() === 'open,open,signed out')
      assert.equal(connections, 2)
    })

    it('comes back when only the session that it was opened for has ended', async () => {
      await signIn(page)
      let connections = 0
      await page.routeWebSocket('**/api/live', socket => {
        if (++connections === 1) void socket.close({ code: 4401 })
      })

      await page.evaluate(() => void client.openSocket('/api/live', { onSignedOut: () => told.push('signed out') }))
      await eventually(() => connections === 2)

      assert.deepEqual(await page.evaluate(() => told), [])
    })

    it('gives up when it cannot begin because nobody is signed in', async () => {
      await page.evaluate(() => void client.openSocket('/api/live', { onSignedOut: () => told.push('signed out') }))

      await eventually(async () => (await page.evaluate(() => told)).join() === 'signed out')
    })
  })
})
