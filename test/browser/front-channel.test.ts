import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { lastSid } from '../support/back-channel.ts'
import { launchBrowser } from '../support/browser.ts'
import { makeCertificate } from '../support/certificate.ts'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { openPage } from '../support/visitor-in-browser.ts'

describe('GET /auth/frontchannel-logout/{provider}, in Chromium', () => {
  let front: Server
  let evil: Server
  let idp: IdentityProvider
  let gateway: TestGateway
  let browser: Browser

  before(async () => {
    const certificate = makeCertificate(['app.stage.test', 'evil.test'])
    ;[front, evil] = [createServer(certificate), createServer(certificate)]
    await Promise.all([front, evil].map(server => new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))))
    idp = await startIdentityProvider({ https: true, backChannelUri: 'http://127.0.0.1:9/nobody' })
    const main = { ...providerConfig(idp), tls: { ca: { env: 'CA' } } }
    const host = `app.stage.test:${portOf(front)}`
    const secrets = { ...makeSecrets(), CA: idp.ca ?? '' }
    gateway = await startGateway({ idp, host, secrets, config: { identityProviders: { main } } })
    front.on('request', gateway.handler)
    browser = await launchBrowser([certificate.cert, idp.ca ?? ''])
  })

  after(async () => {
    await browser?.close()
    for (const server of [front, evil]) {
      server?.closeAllConnections()
      server?.close()
    }
    await Promise.all([gateway?.close(), idp?.close()])
  })

  it('FCL-02 ends the session in a frame of the provider’s page, which the session cookie does not reach', async () => {
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)
    await signIn(page)
    const asked = watch(context)

    idp.troubles.set('other', (_request, response) => void response.setHeader('content-type', 'text/html').end(framing(lastSid(idp))))
    await page.goto(`${idp.issuer}/signing-out`)
    const text = await page.frameLocator('iframe').locator('p').textContent()

    assert.match(text ?? '', /signs you out/)
    assert.deepEqual(complaints, [])
    assert.deepEqual(await Promise.all(asked), [{ cookie: undefined, site: 'cross-site', destination: 'iframe' }])
    assert.equal((await context.cookies(gateway.origin)).length, 1)
    assert.match(await sessionIn(page), /"authenticated":false/)
    await context.close()
  })

  it('FCL-02 is shown in no other page’s frame', async () => {
    const context = await browser.newContext()
    const { page, complaints } = await openPage(context)
    const asked = watch(context)

    evil.on('request', (_request, response) => response.setHeader('content-type', 'text/html').end(framing('made-up')))
    await page.goto(`https://evil.test:${portOf(evil)}/`)
    await eventually(() => complaints.length > 0)

    assert.equal(asked.length, 1)
    assert.match(complaints.join(), /frame-ancestors https:\/\/127\.0\.0\.1/)
    assert.equal(await page.frameLocator('iframe').getByText('signs you out').count(), 0)
    await context.close()
  })

  async function signIn(page: Page): Promise<void> {
    await page.goto(`${gateway.origin}/auth/login`)
    await page.locator('[name=username]').fill('alice')
    await page.locator('[name=password]').fill(idp.people.alice.password)
    await page.locator('[name=password]').press('Enter')
    // There is nothing behind the gateway here: what the person sees is its own page about that.
    await page.waitForURL(`${gateway.origin}/`)
    assert.match(await sessionIn(page), /"authenticated":true/)
  }

  async function sessionIn(page: Page): Promise<string> {
    await page.goto(`${gateway.origin}/auth/session`)
    return page.content()
  }

  /** A page that frames the address. */
  function framing(sid: string): string {
    const framed = `${gateway.origin}/auth/frontchannel-logout/main?${new URLSearchParams({ iss: idp.issuer, sid })}`
    return `<!doctype html><title>Signing out</title><iframe src="${framed.replaceAll('&', '&amp;')}"></iframe>`
  }

  function watch(context: BrowserContext) {
    const asked: Promise<{ cookie: string | undefined; site: string | undefined; destination: string | undefined }>[] = []
    context.on('request', request => {
      if (!request.url().includes('/auth/frontchannel-logout/')) return
      const seen = request.allHeaders().then(headers => ({
        cookie: headers.cookie,
        site: headers['sec-fetch-site'],
        destination: headers['sec-fetch-dest'],
      }))
      asked.push(seen)
    })
    return asked
  }
})

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
