import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { recordTraffic } from '../support/traffic.ts'
import { fillIn, openPage, signIn } from '../support/visitor-in-browser.ts'

describe('a provider on another site that answers by form, in Chromium', () => {
  let stage: Stage
  let browser: Browser

  before(async () => {
    stage = await startStage({
      https: true,
      change: config => ({
        ...config,
        identityProviders: { demo: { ...config.identityProviders.demo, responseMode: 'form_post' } },
      }),
    })
    browser = await launchBrowser(stage.trusted)
  })

  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  it('FLOW-12 FLOW-22 CKE-04 signs in by a None cookie that is gone afterwards, and leaves no code in any address', async () => {
    const context = await browser.newContext()
    const traffic = recordTraffic(context)
    const asked: string[] = []
    context.on('request', request => asked.push(`${request.method()} ${request.url()}`))
    const { page, complaints } = await openPage(context)

    await signIn(page, stage)

    assert.ok(asked.includes(`POST ${stage.gateway}/auth/callback/demo`))
    assert.deepEqual(
      asked.filter(line => /[?&](code|state)=/.test(line)),
      [],
    )
    const attempts = (await traffic.setCookies(stage.gateway)).filter(line => line.includes('.attempt.') && !line.includes('Max-Age=0'))
    assert.equal(attempts.length, 1)
    assert.match(attempts[0] ?? '', /; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=None$/)
    assert.deepEqual(
      (await context.cookies(stage.gateway)).map(({ name, sameSite }) => [name, sameSite]),
      [[stage.cookieName, 'Strict']],
    )
    assert.deepEqual(complaints, [])
    await context.close()
  })

  it('CKE-05 is no hindrance for a link from its site to a protected page', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.provider}/letter`)
    await page.getByRole('link', { name: 'Open the report' }).click()

    await fillIn(page, stage.people.alice)

    await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
    assert.equal(page.url(), `${stage.gateway}/reports`)
    await context.close()
  })
})
