import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Described, type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage, signIn } from '../support/visitor-in-browser.ts'

describe('the pages, in Chromium', () => {
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

  it('let people sign in, call the API and sign out by keyboard alone', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/`)

    await pressOn(page, 'Sign in')
    await page.getByLabel('Username').waitFor()
    await page.keyboard.type('alice')
    await page.keyboard.press('Tab')
    await page.keyboard.type(stage.people.alice.password)
    await page.keyboard.press('Enter')
    await page.getByText('Alice Archer').waitFor()
    await pressOn(page, 'List orders')
    await page.getByText('GET /api/orders: 200').waitFor()
    await page.goto(`${stage.gateway}/auth/logout`)
    await pressOn(page, 'Sign out')
    await page.getByRole('heading', { name: 'Sign out here as well?' }).waitFor()
    // The provider's button has the focus.
    await page.keyboard.press('Enter')

    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    await context.close()
  })

  it('WEB-02 work without JavaScript: sign in, a deep link, sign out', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/reports`)
    await fillIn(page, stage.people.alice)
    await page.getByRole('heading', { name: 'The weekly report' }).waitFor()

    await page.goto(`${stage.gateway}/`)
    await page.getByText('Signed in as Alice Archer').waitFor()
    assert.equal(await page.getByRole('button', { name: 'List orders' }).isVisible(), false, 'what needs a script is not shown')
    await page.getByRole('button', { name: 'Sign out' }).click()
    await page.getByRole('button', { name: 'Yes, sign me out' }).click()

    await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
    assert.deepEqual(await context.cookies(stage.gateway), [])
    await context.close()
  })

  it('tell somebody who lacks a group what he lacks, as a page and in the answer of the API', async () => {
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)
    await signIn(page, stage, 'bob')

    await page.getByRole('button', { name: 'Totals' }).click()
    const inline = await page.locator('#answer .bad').textContent()
    const response = await page.goto(`${stage.gateway}/ops`)

    assert.match(inline ?? '', /403.*claim_missing/)
    assert.equal(response?.status(), 403)
    assert.equal(await page.locator('h1').textContent(), 'This needs a role or group that you do not have')
    assert.match((await page.locator('main').textContent()) ?? '', /claim_missing/)
    assert.deepEqual(complaints, [])
    await context.close()
  })

  it('find a token that is there: the search of the demo is no show', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/`)
    await page.evaluate(() => localStorage.setItem('auth', '{"access_token":"eyJhbGciOiJSUzI1NiJ9.e30.c2lnbmF0dXJl"}'))

    await page.getByRole('button', { name: 'Search everything' }).click()

    assert.match((await page.locator('#found .bad').first().textContent()) ?? '', /^Found 2/)
    assert.match((await page.locator('#found tr', { hasText: 'localStorage' }).textContent()) ?? '', /2 found/)
    await context.close()
  })

  it('WEB-02 are the strict policy’s own: nothing is blocked, and no other site can frame them', async t => {
    const two = await startStage({ https: false, change: addProvider })
    t.after(() => two.close())
    const context = await browser.newContext({ viewport: { width: 320, height: 600 } })
    const { page, complaints } = await openPage(context)

    for (const [path, heading] of Object.entries(ownPages)) {
      const response = await page.goto(two.gateway + path)

      const policy = response?.headers()['content-security-policy'] ?? ''
      for (const rule of ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]) {
        assert.ok(policy.includes(rule), `${path}: ${rule} in ${policy}`)
      }
      assert.match((await page.locator('h1').textContent()) ?? '', heading)
      assert.equal(await page.locator('html').getAttribute('lang'), 'en')
      const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
      assert.ok(overflow <= 0, `${path} is ${overflow} px too wide for 320 px`)
    }
    assert.deepEqual(complaints, [])

    await page.goto(`${two.provider}/letter`)
    await page.evaluate(url => {
      const frame = Object.assign(document.createElement('iframe'), { src: url })
      document.body.append(frame)
      return new Promise(resolve => frame.addEventListener('load', resolve))
    }, `${two.gateway}/auth/logout`)
    assert.equal(page.frames().at(-1)?.url(), 'chrome-error://chromewebdata/')
    await context.close()
  })
})

const ownPages = {
  '/auth/login': /sign in/i,
  '/auth/logout': /sign/i,
  '/auth/logged-out': /signed out/i,
  '/auth/callback/demo?code=x&state=y': /understood/i,
}

/** A second provider, so that people have to choose. */
function addProvider(config: Described): object {
  const { demo } = config.identityProviders
  return { ...config, identityProviders: { demo, other: { ...demo, label: 'Another provider' } } }
}

/** Goes there by Tab, as somebody without a mouse does, and presses Enter. */
async function pressOn(page: Page, name: string): Promise<void> {
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? '')
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if ((await focused()) === name) return page.keyboard.press('Enter')
  }
  assert.fail(`Tab does not reach "${name}"`)
}
