import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { findLeaks, recordTraffic } from '../support/traffic.ts'
import { openPage, signIn, signOut } from '../support/visitor-in-browser.ts'

const settings = [
  { name: 'over https, with the cookies of production', https: true },
  { name: "over the demo's http", https: false },
]

for (const { name, https } of settings) {
  describe(`a person in Chromium, ${name}`, () => {
    let stage: Stage
    let browser: Browser

    before(async () => {
      stage = await startStage({ https })
      browser = await launchBrowser(stage.trusted)
    })

    after(async () => {
      await browser?.close()
      await stage?.close()
    })

    it('RTK-01 A-070 WEB-02 signs in, works, signs out, and no token is in anything the browser got', async () => {
      const context = await browser.newContext()
      const traffic = recordTraffic(context)
      const { page, complaints } = await openPage(context)

      await signIn(page, stage)
      await traffic.look(page)
      await page.reload()
      assert.ok(await page.locator('strong', { hasText: 'Alice Archer' }).isVisible(), 'still signed in after a reload')
      await page.getByRole('button', { name: 'List orders' }).click()
      await page.getByText('GET /api/orders: 200').waitFor()
      // A renewal hands out new tokens.
      stage.advance(52_000)
      await page.getByRole('button', { name: 'Add an order' }).click()
      await page.getByText('POST /api/orders: 201').waitFor()
      await page.getByText('Tokens renewed once').waitFor()
      await page.getByRole('button', { name: 'Search everything' }).click()
      await page.getByText('No token is readable').waitFor()
      await traffic.look(page)
      await page.goto(`${stage.gateway}/auth/callback/demo?code=x&state=y`)
      await page.goto(`${stage.gateway}/`)
      await signOut(page)
      await traffic.look(page)

      const seen = await traffic.seen()
      // Two ID tokens of one second are one text where the signature is deterministic.
      assert.ok(stage.issued.size >= 5, 'a sign-in and a renewal: three tokens, then new ones')
      assert.ok(seen.length > 20 && seen.some(one => one.text.includes('"authenticated":true')), 'the record holds the answers')
      assert.deepEqual(findLeaks(seen, [...stage.issued]), [])
      assert.deepEqual(complaints, [])
      await context.close()
    })

    it('leaves nothing behind after signing out: no cookie, nobody at the provider, nothing on Back', async () => {
      const context = await browser.newContext()
      const { page } = await openPage(context)
      await signIn(page, stage)
      const before = await context.cookies(stage.gateway)

      await signOut(page)

      assert.deepEqual(
        before.map(cookie => cookie.name),
        [stage.cookieName],
      )
      assert.deepEqual(await context.cookies(stage.gateway), [])
      for (let steps = 0; steps < 3; steps += 1) {
        await page.goBack().catch(() => null)
        assert.equal(await page.locator('strong', { hasText: 'Alice Archer' }).isVisible(), false, `${page.url()} shows her`)
      }
      await page.goto(`${stage.gateway}/`)
      await page.getByRole('button', { name: 'List orders' }).click()
      await page.getByText('GET /api/orders: 401').waitFor()
      await page.getByRole('link', { name: 'Sign in' }).first().click()
      await page.getByLabel('Password').waitFor()
      await context.close()
    })

    it('CKE-05 follows a link from another site to a protected page without a second sign-in', async () => {
      const context = await browser.newContext()
      const { page } = await openPage(context)
      await signIn(page, stage)
      const asked: string[] = []
      await page.goto(`${stage.provider}/letter`)
      page.on('request', request => asked.push(request.url()))

      await page.getByRole('link', { name: 'Open the report' }).click()

      await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
      assert.equal(page.url(), `${stage.gateway}/reports`)
      assert.deepEqual(
        asked.filter(url => url.startsWith(stage.provider)),
        [],
      )
      await context.close()
    })
  })
}
