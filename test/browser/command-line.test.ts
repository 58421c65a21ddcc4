import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import type { Browser } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { createHome } from '../support/command-line.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage } from '../support/visitor-in-browser.ts'

describe('sallyport login over https, with Chromium as the browser', () => {
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

  /** A machine that knows the names of the stage, and believes its certificate. */
  function createKnowingHome(t: TestContext) {
    const home = createHome(t)
    const ca = join(home.folder, 'ca.crt')
    writeFileSync(ca, stage.trusted.join('\n'))
    return { home, env: { ...home.names, NODE_EXTRA_CA_CERTS: ca } }
  }

  it('NAT-34 NAT-35 gets the answer by a form from an https page to its port, and leaves no code in any address', async t => {
    const { home, env } = createKnowingHome(t)
    const context = await browser.newContext()
    t.after(() => context.close())
    const asked: string[] = []
    context.on('request', request => asked.push(`${request.method()} ${request.url()}`))
    const { page, complaints } = await openPage(context)
    const login = home.start(['login', '--gateway', stage.gateway], { env })

    await page.goto((await home.sentTo()).href)
    await fillIn(page, stage.people.alice)
    await page.getByRole('button', { name: 'Yes, let it in' }).click()
    await page.getByText('You can close this window').waitFor()

    const ran = await login.ended
    assert.equal(ran.code, 0, ran.err)
    assert.match(page.url(), /^http:\/\/127\.0\.0\.1:\d+\/done$/)
    assert.ok(asked.some(line => /^POST http:\/\/127\.0\.0\.1:\d+\/callback$/.test(line)))
    assert.deepEqual(
      asked.filter(line => !line.includes(stage.provider) && /[?&](code|state)=/.test(line) && !line.includes('/auth/callback/')),
      [],
    )
    assert.deepEqual(complaints, [])
    assert.equal((await home.run(['status'], { env })).code, 0)
  })

  it('shows the person who said no that nothing came of it', async t => {
    const { home, env } = createKnowingHome(t)
    const context = await browser.newContext()
    t.after(() => context.close())
    const { page } = await openPage(context)
    const login = home.start(['login', '--gateway', stage.gateway], { env })

    await page.goto((await home.sentTo()).href)
    await fillIn(page, stage.people.bob)
    await page.getByRole('button', { name: 'No', exact: true }).click()
    await page.getByText('The sign-in was denied').waitFor()

    assert.equal((await login.ended).code, 3)
  })
})
