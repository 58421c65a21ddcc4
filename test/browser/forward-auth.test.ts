import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, type RequestListener, request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import type { Browser } from 'playwright-core'
import type { Gateway } from '../../src/gateway.ts'
import { launchBrowser } from '../support/browser.ts'
import { type ForwardAuthPort, openForwardAuth } from '../support/forward-auth.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { fillIn, openPage } from '../support/visitor-in-browser.ts'

/**
 * A proxy as Traefik and Envoy are: what is no 200 goes to the browser as the gateway answered it. It has no
 * configuration for sign-in at all.
 */
function passingOn(gateway: Gateway): RequestListener {
  const opened = openForwardAuth(gateway, 'traefik')
  port = opened
  return (req, res) => {
    if (req.url?.startsWith('/auth/')) return gateway.handler(req, res)
    void opened.then(async verify => {
      const told = { 'x-forwarded-method': req.method, 'x-forwarded-host': req.headers.host, 'x-forwarded-uri': req.url }
      const question = request({ port: verify.port, path: '/verify', headers: { ...req.headers, ...told } }).end()
      const [answer] = (await once(question, 'response')) as [IncomingMessage]
      if (answer.statusCode !== 200) return answer.pipe(res.writeHead(answer.statusCode ?? 502, answer.headers))
      answer.resume()
      res.writeHead(200, { 'content-type': 'text/html' }).end(`<h1>For ${answer.headers['x-auth-user']} at ${req.url}</h1>`)
    })
  }
}

let port: Promise<ForwardAuthPort>

describe('a person in Chromium, before a proxy that passes our answers on', () => {
  let stage: Stage
  let browser: Browser

  before(async () => {
    stage = await startStage({
      https: true,
      front: passingOn,
      change: config => ({
        ...config,
        forwardAuth: { dialect: 'traefik' },
        routes: [
          { path: '/', identityHeaders: { 'X-Auth-User': 'email' } },
          { path: '/public', access: 'anyone' },
        ],
      }),
    })
    browser = await launchBrowser(stage.trusted)
  })

  after(async () => {
    await browser?.close()
    await (await port)?.close()
    await stage?.close()
  })

  it('WEB-02 is led to the sign-in by the page of the 401, and back to where they wanted to go', async () => {
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)

    const first = await page.goto(`${stage.gateway}/reports?week=48&of=%C3%A9`, { waitUntil: 'commit' })
    await fillIn(page, stage.people.alice)
    await page.getByRole('heading', { name: `For ${stage.people.alice.email}` }).waitFor()

    assert.equal(first?.status(), 401)
    assert.equal(page.url(), `${stage.gateway}/reports?week=48&of=%C3%A9`)
    assert.deepEqual(complaints, [])
    await context.close()
  })

  it('gets a 401 for what a script asks for, and no page of another site', async () => {
    const context = await browser.newContext()
    const { page } = await openPage(context)
    await page.goto(`${stage.gateway}/public`)

    const told = await page.evaluate(async () => {
      const answer = await fetch('/reports')
      return [answer.status, answer.redirected, answer.headers.get('sallyport-error')]
    })

    assert.deepEqual(told, [401, false, 'not_signed_in'])
    await context.close()
  })
})
