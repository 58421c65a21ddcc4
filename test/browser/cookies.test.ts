import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { recordTraffic } from '../support/traffic.ts'
import { fillIn, openPage, signIn } from '../support/visitor-in-browser.ts'

describe('the cookies of production, in Chromium', () => {
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

  it('CKE-01 CKE-02 CKE-03 CKE-04 hold on to their attributes, and the attempt’s is gone once signed in', async () => {
    const context = await browser.newContext()
    const traffic = recordTraffic(context)
    const { page } = await openPage(context)

    await signIn(page, stage)

    const lines = await traffic.setCookies(stage.gateway)
    const session = /^__Host-Http-sallyport=s%3A[^;]+; Path=\/; HttpOnly; Secure; SameSite=Strict$/
    const attempt = /^__Host-Http-sallyport\.attempt\.[\w-]{8}=[^;]+; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=Lax$/
    const ending = /^__Host-Http-sallyport\.attempt\.[\w-]{8}=; Path=\/; Max-Age=0; HttpOnly; Secure; SameSite=Lax$/
    for (const form of [session, attempt, ending])
      assert.ok(
        lines.some(line => form.test(line)),
        `${form} among ${lines.join('\n')}`,
      )
    assert.deepEqual(
      lines.filter(line => ![session, attempt, ending].some(form => form.test(line))),
      [],
    )
    assert.deepEqual(
      (await context.cookies(stage.gateway)).map(({ name, httpOnly, secure, sameSite, path }) => ({
        name,
        httpOnly,
        secure,
        sameSite,
        path,
      })),
      [{ name: stage.cookieName, httpOnly: true, secure: true, sameSite: 'Strict', path: '/' }],
    )
    await context.close()
  })

  it('CKE-05 let a link from another site lead through one sign-in to where it pointed', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.provider}/letter`)
    await page.getByRole('link', { name: 'Open the report' }).click()

    await fillIn(page, stage.people.alice)

    await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
    assert.equal(page.url(), `${stage.gateway}/reports`)
    await context.close()
  })

  it('FLOW-18 let two tabs finish in the other order, each where it was going', async () => {
    const context = await browser.newContext()
    const { page: first } = await openPage(context)
    const { page: second } = await openPage(context)
    await first.goto(`${stage.gateway}/reports?tab=1`)
    await second.goto(`${stage.gateway}/reports?tab=2`)

    for (const page of [second, first]) {
      await fillIn(page, stage.people.alice)
      await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
    }

    assert.deepEqual([first.url(), second.url()], [`${stage.gateway}/reports?tab=1`, `${stage.gateway}/reports?tab=2`])
    await second.reload()
    await second.getByRole('heading', { name: 'The weekly report' }).waitFor()
    assert.deepEqual(
      (await context.cookies(stage.gateway)).map(cookie => cookie.name),
      [stage.cookieName],
    )
    await context.close()
  })
})
