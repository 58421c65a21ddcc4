import assert from 'node:assert/strict'
import { createServer, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import { matchingCode } from '../../src/native/matching-code.ts'
import { launchBrowser } from '../support/browser.ts'
import { authorizePath, createRun } from '../support/native-client.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage } from '../support/visitor-in-browser.ts'

interface Arrival {
  readonly method: string
  readonly url: URL
  readonly form: URLSearchParams
  readonly headers: IncomingMessage['headers']
}

/** As a program does; only browsers know the names under .test. */
function postForm(address: string, body: string): Promise<string> {
  const { host, hostname: servername, port, pathname: path } = new URL(address)
  const headers = { host, 'content-type': 'application/x-www-form-urlencoded', 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', servername, port, path, method: 'POST', headers, rejectUnauthorized: false }
    const sent = httpsRequest(options, res => text(res).then(resolve, reject))
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('the approval of a native client, in Chromium', () => {
  let stage: Stage
  let browser: Browser
  before(async () => {
    const cli = { name: 'Orders CLI', redirects: ['loopback'], scopes: ['orders.read', 'sessions'], device: true }
    stage = await startStage({ https: true, change: config => ({ ...config, native: { clients: { cli } } }) })
    browser = await launchBrowser(stage.trusted)
  })
  after(async () => {
    await browser?.close()
    await stage?.close()
  })

  /** A program that listens as it should: on a literal address, on a port of the system's choice. */
  async function listen(host: '127.0.0.1' | '::1') {
    const arrivals: Arrival[] = []
    const server = createServer((req, res) => {
      let body = ''
      req.on('data', chunk => {
        body += chunk
      })
      req.on('end', () => {
        const url = new URL(req.url ?? '', 'http://listener')
        if (url.pathname === '/callback')
          arrivals.push({ method: req.method ?? '', url, form: new URLSearchParams(body), headers: req.headers })
        res.setHeader('content-type', 'text/html')
        res.end('<h1>Back in the terminal</h1>')
      })
    })
    await new Promise<void>(resolve => server.listen(0, host, resolve))
    const { port } = server.address() as AddressInfo
    const redirectUri = host === '::1' ? `http://[::1]:${port}/callback` : `http://127.0.0.1:${port}/callback`
    return { redirectUri, port, arrivals, close: () => server.close() }
  }

  for (const [mode, host] of [
    ['query', '127.0.0.1'],
    ['query', '::1'],
    ['form_post', '127.0.0.1'],
    ['form_post', '::1'],
  ] as const) {
    it(`NAT-01 NAT-02 NAT-16 brings the answer by ${mode} to a listener on ${host}, with a strict policy and no referrer`, async t => {
      const listener = await listen(host)
      t.after(listener.close)
      const run = createRun({ redirect_uri: listener.redirectUri, response_mode: mode })
      const context = await browser.newContext()
      const { page, complaints } = await openPage(context)

      await page.goto(stage.gateway + authorizePath(run))
      await fillIn(page, stage.people.alice)
      await page.getByRole('heading', { name: 'Let this program in?' }).waitFor()
      assert.equal(await page.locator('.matching strong').textContent(), matchingCode(run.params.code_challenge ?? ''))
      assert.ok((await page.getByText(`this computer, port ${listener.port}`).count()) === 1)
      await page.getByRole('button', { name: 'Yes, let it in' }).click()
      await page.getByRole('heading', { name: 'Back in the terminal' }).waitFor()

      const [arrival, ...more] = listener.arrivals
      const params = mode === 'query' ? arrival?.url.searchParams : arrival?.form
      assert.deepEqual(more, [])
      assert.equal(arrival?.method, mode === 'query' ? 'GET' : 'POST')
      assert.match(params?.get('code') ?? '', /^[\w-]{22}\.[\w-]{43}$/)
      assert.deepEqual([params?.get('state'), params?.get('iss')], [run.params.state, stage.gateway])
      assert.equal(arrival?.headers.referer, undefined)
      assert.equal(arrival?.headers.cookie, undefined)
      if (mode === 'form_post') assert.equal(page.url(), listener.redirectUri)
      assert.deepEqual(complaints, [])
      assert.deepEqual(await context.cookies(stage.gateway), [])
      await context.close()
    })
  }

  it('NAT-16 A-052 is not shown in a frame', async t => {
    const listener = await listen('127.0.0.1')
    t.after(listener.close)
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(stage.gateway + authorizePath(createRun({ redirect_uri: listener.redirectUri })))
    await fillIn(page, stage.people.alice)
    await page.getByRole('heading', { name: 'Let this program in?' }).waitFor()
    const approval = page.url()

    await page.goto(`${stage.gateway}/`)
    const frame = await page.evaluate(async address => {
      const element = document.createElement('iframe')
      element.src = address
      document.body.append(element)
      await new Promise(resolve => element.addEventListener('load', resolve))
      return element.contentDocument === null
    }, approval)

    assert.equal(frame, true)
    await context.close()
  })

  it('gives what the person has left in: boxes that the keyboard reaches, each with its name', async t => {
    const listener = await listen('127.0.0.1')
    t.after(listener.close)
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)
    const run = createRun({ redirect_uri: listener.redirectUri, scope: 'orders.read sessions' })
    await page.goto(stage.gateway + authorizePath(run))
    await fillIn(page, stage.people.alice)
    const boxes = page.getByRole('group', { name: 'May do' })
    await boxes.getByRole('checkbox', { name: 'orders.read' }).focus()
    await page.keyboard.press('Tab')
    await page.keyboard.press('Space')
    assert.equal(await boxes.getByRole('checkbox', { name: 'sessions' }).isChecked(), false)
    const approval = page.url()
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    assert.equal(await page.locator(':focus').textContent(), 'Yes, let it in', 'Enter on a box is no yes')
    assert.equal(page.url(), approval)

    await page.getByRole('button', { name: 'Yes, let it in' }).click()
    await page.getByRole('heading', { name: 'Back in the terminal' }).waitFor()

    const code = listener.arrivals[0]?.url.searchParams.get('code') ?? ''
    const form = { grant_type: 'authorization_code', client_id: 'cli', code, code_verifier: run.verifier }
    const answer = JSON.parse(await postForm(`${stage.gateway}/oauth/token`, new URLSearchParams(form).toString()))
    assert.equal(answer.scope, 'orders.read')
    assert.deepEqual(complaints, [])
    await context.close()
  })

  it('is reached by a typed code as well', async () => {
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)
    const { user_code } = JSON.parse(await postForm(`${stage.gateway}/oauth/device_authorization`, 'client_id=cli')) as {
      user_code: string
    }

    await page.goto(`${stage.gateway}/device`)
    await page.getByLabel('Code').fill(user_code.toLowerCase())
    await page.getByRole('button', { name: 'Go on' }).click()
    await fillIn(page, stage.people.alice)
    await page.getByText(user_code).waitFor()
    await page.getByRole('button', { name: 'Yes, let it in' }).click()

    await page.getByText('Go back to your device').waitFor()
    assert.deepEqual(complaints, [])
    await context.close()
  })
})
