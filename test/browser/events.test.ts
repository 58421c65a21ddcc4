import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { eventually } from '../support/eventually.ts'
import { livedMs } from '../support/lived-time.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { openPage, signIn } from '../support/visitor-in-browser.ts'

/** In the page. */
interface Listening {
  readonly told: string[]
  readonly state: () => number
}

describe('a page that listens to /auth/events, in Chromium', () => {
  let stage: Stage
  let browser: Browser

  before(async () => {
    stage = await startStage({ https: false })
    browser = await launchBrowser()
  })

  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  /** A browser of its own, signed in, whose page listens. */
  async function listen(): Promise<{ page: Page; context: BrowserContext; statuses: readonly number[] }> {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    const statuses: number[] = []
    page.on('response', response => {
      if (response.url() === `${stage.gateway}/auth/events`) statuses.push(response.status())
    })
    await signIn(page, stage)
    await page.evaluate(
      () =>
        new Promise<void>(resolve => {
          const source = new EventSource('/auth/events')
          const told: string[] = []
          source.addEventListener('session_ended', event => told.push((event as MessageEvent<string>).data))
          source.addEventListener('open', () => resolve(), { once: true })
          Object.assign(window, { listening: { told, state: () => source.readyState } satisfies Listening })
        }),
    )
    return { page, context, statuses }
  }

  /** What the page is told, and how long after now. */
  async function nextTold(page: Page): Promise<{ readonly told: readonly string[]; readonly tookMs: number }> {
    const startedAt = livedMs()
    const told = await eventually(async () => {
      const told = await page.evaluate(() => (window as unknown as { listening: Listening }).listening.told)
      return told.length > 0 && told
    })
    return { told, tookMs: livedMs() - startedAt }
  }

  it('RPL-07 A-053 is told within 5 s that its session was ended elsewhere, asks once more and then no longer', async () => {
    const { page, context, statuses } = await listen()
    assert.deepEqual(statuses, [200])
    const cookie = (await context.cookies()).find(({ name }) => name === stage.cookieName)
    const { port, host } = new URL(stage.gateway)

    const head = `POST /auth/logout HTTP/1.1\r\nHost: ${host}\r\nAccept: application/json\r\nX-CSRF: 1\r\nContent-Length: 0`
    const ended = await exchangeRaw(Number(port), `${head}\r\nCookie: ${cookie?.name}=${cookie?.value}`)
    const { told, tookMs } = await nextTold(page)

    assert.equal(ended.status, 200)
    assert.deepEqual(told, ['{"reason":"logged_out"}'])
    assert.ok(tookMs < 5_000, `${tookMs} ms`)
    // It comes back, as EventSource does after every end, is told that nobody is signed in, and gives up.
    await eventually(() => page.evaluate(() => (window as unknown as { listening: Listening }).listening.state() === EventSource.CLOSED))
    assert.deepEqual(statuses, [200, 401])
    await context.close()
  })

  it('RPL-07 is told within 5 s that another browser has signed it out from the account page', async () => {
    const [here, there] = [await listen(), await listen()]

    await here.page.goto(`${stage.gateway}/auth/account`)
    await here.page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await here.page.getByText('You are signed in nowhere else.').waitFor()
    const { told, tookMs } = await nextTold(there.page)

    assert.deepEqual(told, ['{"reason":"revoked"}'])
    assert.ok(tookMs < 5_000, `${tookMs} ms`)
    await Promise.all([here.context.close(), there.context.close()])
  })
})
