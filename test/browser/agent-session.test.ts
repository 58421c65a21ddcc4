import assert from 'node:assert/strict'
import { request as httpsRequest } from 'node:https'
import { after, before, describe, it } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { launchBrowser } from '../support/browser.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage } from '../support/visitor-in-browser.ts'

const loginOrigin = (gateway: string) => gateway.replace('app.stage', 'login.stage')

describe('an agent session of one’s own, in Chromium', () => {
  let stage: Stage
  let browser: Browser
  before(async () => {
    const cli = { name: 'Orders CLI', redirects: ['loopback'], scopes: ['orders.read', 'orders.write', 'sessions'], delegate: true }
    stage = await startStage({
      https: true,
      callbacks: gateway => [`${gateway}/auth/callback/demo`, `${loginOrigin(gateway)}/auth/callback/demo`],
      change: config => ({ ...config, native: { origin: loginOrigin(config.origins[0] ?? ''), clients: { cli } } }),
    })
    browser = await launchBrowser(stage.trusted)
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  /** As the agent does, which is no browser; only browsers know the names under .test. */
  function callWith(handle: string, path: string, method = 'GET'): Promise<number> {
    const { host, hostname: servername, port } = new URL(stage.gateway)
    const headers = { host, authorization: `Bearer ${handle}` }
    return new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', servername, port, path, method, headers, rejectUnauthorized: false }
      const sent = httpsRequest(options, res => void res.resume().on('end', () => resolve(res.statusCode ?? 0)))
      sent.on('error', reject)
      sent.end()
    })
  }

  async function signInWithoutScript(page: Page): Promise<void> {
    await page.goto(`${stage.gateway}/reports`)
    await fillIn(page, stage.people.alice)
    await page.getByRole('heading', { name: 'The weekly report' }).waitFor()
  }

  it('WEB-02 NAT-15 goes from the account page by form, sign-in and approval to a handle, and ends on the account page, without JavaScript', async () => {
    const context = await browser.newContext({ javaScriptEnabled: false })
    const { page, complaints } = await openPage(context)
    const addresses: string[] = []
    page.on('request', request => addresses.push(request.url()))
    await signInWithoutScript(page)

    await page.goto(`${stage.gateway}/auth/account`)
    await page.getByRole('link', { name: 'New agent session' }).click()
    await page.getByRole('heading', { name: 'New agent session' }).waitFor()
    assert.equal(new URL(page.url()).origin, loginOrigin(stage.gateway))
    await page.getByLabel('Name').fill('nightly')
    const boxes = page.getByRole('group', { name: 'May do' })
    await boxes.getByRole('checkbox', { name: 'orders.read' }).check()
    await boxes.getByRole('checkbox', { name: 'orders.write' }).check()
    await page.getByLabel('Calls', { exact: true }).fill('GET /api/orders\nPOST /api/orders/*')
    await page.getByLabel('How many calls').fill('5')
    await page.getByLabel('How long').selectOption('1 hour')
    await page.getByRole('button', { name: 'Go on' }).click()
    // The provider remembers her; it may, for it is the approval that asks.
    await page.getByRole('heading', { name: 'Make this agent session?' }).waitFor()
    await page.getByText('1 hour after your yes').waitFor()
    await page.getByRole('group', { name: 'May do' }).getByRole('checkbox', { name: 'orders.write' }).uncheck()
    await page.getByRole('button', { name: 'Yes, make it' }).click()

    const field = page.getByRole('textbox', { name: 'Handle of nightly' })
    const handle = await field.inputValue()
    assert.match(handle, /^spt_[\w-]+\.0\.[\w-]+$/)
    assert.equal(await field.isEditable(), false)
    assert.deepEqual(
      [await callWith(handle, '/api/orders'), await callWith(handle, '/api/totals'), await callWith(handle, '/reports')],
      [200, 403, 403],
    )

    await page.reload()
    await page.getByText('attempt_unknown').waitFor()
    assert.ok(!(await page.content()).includes(handle))
    assert.ok(addresses.every(address => !address.includes('spt_') && !decodeURIComponent(address).includes(handle)))

    await page.goto(`${stage.gateway}/auth/account`)
    const item = page.getByRole('listitem').filter({ hasText: 'nightly (Orders CLI)' })
    assert.match((await item.textContent()) ?? '', /Agent/)
    await item.getByRole('button', { name: /^Sign out nightly/ }).click()
    await page.getByText('You are signed in nowhere else.').waitFor()
    assert.equal(await callWith(handle, '/api/orders'), 401)
    assert.deepEqual(await context.cookies(loginOrigin(stage.gateway)), [])
    assert.deepEqual(complaints, [])
    await context.close()
  })

  it('WEB-02 goes by keyboard alone, fits 320 px in light and dark, and says what is wrong where it is', async () => {
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ colorScheme, viewport: { width: 320, height: 640 } })
      const { page, complaints } = await openPage(context)
      const fits = async () => assert.ok((await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0, page.url())
      await page.goto(`${loginOrigin(stage.gateway)}/oauth/agent`)
      await fits()

      await tabTo(page, 'name')
      await page.keyboard.type('nightly')
      await tabTo(page, 'routes')
      await page.keyboard.type('everything')
      // In a field that takes one line Enter sends the form.
      await tabTo(page, 'maxCalls')
      await page.keyboard.press('Enter')

      await page.getByText('Tick at least one.').waitFor()
      await fits()
      const calls = page.getByLabel('Calls', { exact: true })
      assert.equal(await calls.getAttribute('aria-invalid'), 'true')
      assert.match(await describedBy(page, 'routes'), /One on a line.*Each line is a method/)
      assert.match(await page.getByRole('group', { name: 'May do' }).ariaSnapshot(), /alert: Tick at least one\./)
      assert.equal(await page.getByLabel('Name').inputValue(), 'nightly')
      await page.getByRole('checkbox', { name: 'orders.read' }).focus()
      await page.keyboard.press('Space')
      await tabTo(page, 'routes')
      await page.keyboard.press('ControlOrMeta+A')
      await page.keyboard.type('GET /api/orders')
      await tabTo(page, 'maxCalls')
      await page.keyboard.press('Enter')
      await fillIn(page, stage.people.alice)
      await page.getByRole('heading', { name: 'Make this agent session?' }).waitFor()
      await fits()
      await page.getByRole('button', { name: 'Yes, make it' }).focus()
      await page.keyboard.press('Enter')

      const field = page.getByRole('textbox', { name: 'Handle of nightly' })
      const handle = await field.inputValue()
      await fits()
      await tabTo(page, 'handle')
      await page.keyboard.press('ControlOrMeta+A')
      await page.keyboard.type('x')
      const selected = await page.evaluate(() => {
        const area = document.activeElement as HTMLTextAreaElement
        return area.value.slice(area.selectionStart, area.selectionEnd)
      })
      assert.deepEqual([selected, await field.inputValue()], [handle, handle])
      assert.ok((await field.evaluate(area => area.scrollHeight - area.clientHeight)) <= 0, 'all of it is seen')
      assert.equal(await callWith(handle, '/api/orders'), 200)
      assert.deepEqual(complaints, [])
      await context.close()
    }
  })

  it('NAT-16 A-052 shows its form in no frame', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/`)

    const isHidden = await page.evaluate(
      async address => {
        const element = document.createElement('iframe')
        element.src = address
        document.body.append(element)
        await new Promise(resolve => element.addEventListener('load', resolve))
        return element.contentDocument === null
      },
      `${loginOrigin(stage.gateway)}/oauth/agent`,
    )

    assert.equal(isHidden, true)
    assert.equal(page.frames().at(-1)?.url(), 'chrome-error://chromewebdata/')
    await context.close()
  })
})

/** Goes to a field by Tab, as somebody without a mouse does. */
async function tabTo(page: Page, id: string): Promise<void> {
  for (let presses = 0; presses < 20; presses += 1) {
    await page.keyboard.press('Tab')
    if ((await page.evaluate(() => document.activeElement?.id)) === id) return
  }
  assert.fail(`Tab does not reach ${id}`)
}

/** What a screen reader says of a field beside its name. */
function describedBy(page: Page, id: string): Promise<string> {
  return page.evaluate(field => {
    const ids = document.getElementById(field)?.getAttribute('aria-describedby')?.split(' ') ?? []
    return ids.map(part => document.getElementById(part)?.textContent ?? `nothing of ${part}`).join(' ')
  }, id)
}
