import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage, signIn } from '../support/visitor-in-browser.ts'

const phone =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1'

describe('the account page, in Chromium', () => {
  let stage: Stage
  let browser: Browser
  before(async () => {
    stage = await startStage({ https: true })
    browser = await launchBrowser(stage.trusted)
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  it('SES-13 WEB-02 lets a person sign out a browser elsewhere, by keyboard and without JavaScript', async () => {
    const [here, there] = [await browser.newContext({ javaScriptEnabled: false }), await browser.newContext({ userAgent: phone })]
    const [{ page }, { page: other }] = [await openPage(here), await openPage(there)]
    await signInWithoutScript(page)
    await signIn(other, stage)
    await other.getByRole('button', { name: 'List orders' }).click()
    await other.getByText('GET /api/orders: 200').waitFor()

    await page.goto(`${stage.gateway}/auth/account`)
    await page.getByRole('listitem').filter({ hasText: 'Safari on iOS' }).waitFor()
    await pressOn(page, /^Sign out Safari on iOS \d+ \w+ \d{4}, \d\d:\d\d UTC$/)
    await page.getByText('You are signed in nowhere else.').waitFor()

    assert.equal(page.url(), `${stage.gateway}/auth/account`)
    await other.getByRole('button', { name: 'List orders' }).click()
    await other.getByText('GET /api/orders: 401').waitFor()
    assert.match((await other.getByText('GET /api/orders: 401').textContent()) ?? '', /session_revoked/)
    await page.reload()
    await page.getByText('This browser').waitFor()
    await close(here, there)
  })

  it('signs out everywhere else, and then here, as far as the provider', async () => {
    const contexts = [
      await browser.newContext(),
      await browser.newContext({ userAgent: phone }),
      await browser.newContext({ userAgent: phone }),
    ]
    const [page, ...others] = (await Promise.all(contexts.map(async context => (await openPage(context)).page))) as [Page, Page, Page]
    for (const one of [page, ...others]) await signIn(one, stage, 'bob')

    await page.goto(`${stage.gateway}/auth/account`)
    assert.equal(await page.getByRole('listitem').count(), 3)
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await page.getByText('You are signed in nowhere else.').waitFor()
    for (const one of others) {
      await one.getByRole('button', { name: 'List orders' }).click()
      await one.getByText('GET /api/orders: 401').waitFor()
    }
    await page.getByRole('button', { name: /^Sign out/ }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()
    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()

    assert.deepEqual(await (contexts[0] as BrowserContext).cookies(stage.gateway), [])
    await close(...contexts)
  })

  it('WEB-02 is read out as a list with headings, fits 320 px in light and dark, and blocks nothing of itself', async () => {
    const other = await browser.newContext({ userAgent: phone })
    await signIn((await openPage(other)).page, stage)
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 640 } })
      const { page, complaints } = await openPage(context)
      await signIn(page, stage)

      const response = await page.goto(`${stage.gateway}/auth/account`)

      const list = page.getByRole('list')
      const names = await list.getByRole('heading', { level: 2 }).allTextContents()
      assert.deepEqual(names.filter(name => name.includes('This browser')).length, 1)
      assert.ok(names.some(name => name === 'Safari on iOS'))
      assert.equal(await list.getByRole('button', { name: /^Sign out .+ UTC$/ }).count(), names.length)
      for (const time of await list.locator('time').all()) assert.ok(Date.parse((await time.getAttribute('datetime')) ?? '') > 0)
      assert.match(response?.headers()['content-security-policy'] ?? '', /default-src 'none'/)
      assert.equal(await page.locator('script').count(), 0)
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, 'wider than 320 px')
      assert.deepEqual(complaints, [])
      await page.getByRole('button', { name: 'Sign out everywhere else' }).waitFor()
      await context.close()
    }
    await other.close()
  })

  /** By a page that needs a session, for the demo's own shows who is signed in by a script. */
  async function signInWithoutScript(page: Page): Promise<void> {
    await page.goto(`${stage.gateway}/reports`)
    await fillIn(page, stage.people.alice)
    await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
  }
})

/** Goes there by Tab, as somebody without a mouse does, to where a screen reader says this name, and presses Enter. */
async function pressOn(page: Page, name: RegExp): Promise<void> {
  const button = page.getByRole('button', { name })
  assert.equal(await button.count(), 1)
  const id = await button.getAttribute('id')
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if ((await page.locator(':focus').getAttribute('id')) === id) return page.keyboard.press('Enter')
  }
  assert.fail(`Tab does not reach ${name}`)
}

async function close(...contexts: readonly BrowserContext[]): Promise<void> {
  for (const context of contexts) await context.close()
}
