import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type VisitOptions, type Visitor } from '../support/visitor.ts'

const mfa = 'urn:example:mfa'
const insufficient = 'error="insufficient_user_authentication"'

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let visitor: Visitor
/** What the upstream answers with, to everything; null for its content. */
let challenge: string | string[] | null
let refreshesBefore: number

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream((_req, res) => {
    if (challenge === null) return void res.end('welcome')
    res.writeHead(401, { 'www-authenticate': challenge, 'set-cookie': 'trace=1' }).end('of the upstream')
  })
})

after(async () => {
  await upstream.close()
  await idp.close()
})

beforeEach(async t => {
  challenge = null
  gateway = await startGateway({
    idp,
    config: {
      routes: [
        { path: '/api/orders', upstream: upstream.origin, token: 'access' },
        { path: '/reports', upstream: upstream.origin, identityHeaders: { 'X-Auth-User': 'sub' } },
        { path: '/', upstream: upstream.origin, access: 'optional' },
      ],
    },
  })
  visitor = createVisitor(gateway)
  await visitor.signIn(idp)
  gateway.clock.advance(40_000)
  upstream.requests.length = 0
  refreshesBefore = idp.refreshes()
  if ('after' in t) t.after(() => gateway.close())
})

describe('an upstream that asks for a stronger or more recent sign-in', () => {
  const calls: Record<string, VisitOptions> = { 'a call': {}, 'a call with a body': { method: 'POST', body: 'x'.repeat(100_000) } }
  for (const [what, options] of Object.entries(calls)) {
    it(`STEP-01 makes ${what} a 401 of ours that says so, without a refresh and without anything of its answer`, async () => {
      challenge = `Bearer realm="x", ${insufficient}, error_description="of the upstream", acr_values="${mfa} gold", max_age=120`

      const answer = await visitor.call('/api/orders', options)

      assert.deepEqual([answer.status, answer.headers['sallyport-error']], [401, 'step_up_required'])
      assert.equal(answer.headers['www-authenticate'], `Bearer ${insufficient}, acr_values="${mfa} gold", max_age="120"`)
      assert.equal(answer.body.login_url, '/auth/login?acr_values=urn%3Aexample%3Amfa%20gold&max_age=120')
      assert.equal(answer.headers['set-cookie'], undefined)
      assert.equal(JSON.stringify(answer.headers).includes('of the upstream') || answer.text.includes('of the upstream'), false)
      assert.deepEqual([upstream.requests.length, idp.refreshes() - refreshesBefore], [1, 0])
      assert.equal(gateway.audit.at(-1)?.reason, 'upstream_challenge')
    })
  }

  it('STEP-01 sends a person to sign in as it asks, wherever in its challenges it stands, with or without a token', async () => {
    challenge = ['Basic realm="x"', `DPoP algs="ES256", Bearer ${insufficient}, acr_values="${mfa}"`]

    const answer = await visitor.visit('/reports/7?a=1')

    assert.deepEqual(
      [answer.status, answer.headers.location],
      [302, '/auth/login?return_to=%2Freports%2F7%3Fa%3D1&acr_values=urn%3Aexample%3Amfa'],
    )
  })

  it('STEP-02 is satisfied by the sign-in that it asked for', async () => {
    challenge = `Bearer ${insufficient}, acr_values="${mfa}"`
    const { location } = (await visitor.visit('/reports')).headers
    const query = String(location).replace('/auth/login?return_to=%2Freports&', '')

    const finished = await visitor.signIn(idp, { returnTo: '/reports', query, jar: new Map() })
    challenge = null

    assert.deepEqual([finished.status, finished.headers.location], [303, '/reports'])
    assert.equal((await visitor.visit('/reports')).text, 'welcome')
  })

  const forever: Record<string, string> = {
    'for a level': `Bearer ${insufficient}, acr_values="${mfa}"`,
    'for a recent sign-in': `Bearer ${insufficient}, max_age=20`,
    'for both': `Bearer ${insufficient}, acr_values="${mfa}", max_age="0"`,
    'for nothing in particular': `Bearer ${insufficient}`,
  }
  for (const [what, asked] of Object.entries(forever)) {
    it(`STEP-04 and never has enough of it, ${what}, gets one sign-in, and the person a page with 403`, async () => {
      challenge = asked
      const first = await visitor.visit('/reports')
      assert.equal(first.status, 302)
      const query = String(first.headers.location).replace('/auth/login?return_to=%2Freports&', '')
      // The provider has the real clock.
      gateway.clock.advance(-40_000)
      await visitor.signIn(idp, { returnTo: '/reports', query, jar: new Map() })

      const [page, call] = [await visitor.visit('/reports'), await visitor.call('/api/orders')]

      for (const answer of [page, call]) {
        assert.deepEqual(
          [answer.status, answer.headers['sallyport-error'], answer.headers.location],
          [403, 'insufficient_scope', undefined],
        )
      }
      assert.equal(gateway.audit.at(-1)?.reason, 'step_up_in_vain')
    })
  }

  it('STEP-01 without saying what for asks for a new sign-in', async () => {
    challenge = `Bearer ${insufficient}`

    const answer = await visitor.call('/api/orders')

    assert.equal(answer.headers['www-authenticate'], `Bearer ${insufficient}, max_age="0"`)
    assert.equal(answer.body.login_url, '/auth/login?max_age=0')
  })

  const dirty: Record<string, { readonly said: string; readonly header: string; readonly query: string }> = {
    'quotes and backslashes': {
      said: 'acr_values="a\\"b c\\\\d"',
      header: 'acr_values="a\\"b c\\\\d"',
      query: 'acr_values=a%22b%20c%5Cd',
    },
    'what would be parameters of an address': {
      said: 'acr_values="x&return_to=//evil.test#"',
      header: 'acr_values="x&return_to=//evil.test#"',
      query: 'acr_values=x%26return_to%3D%2F%2Fevil.test%23',
    },
    'five kilobytes': { said: `acr_values="${'a'.repeat(5000)}", max_age=20`, header: 'max_age="20"', query: 'max_age=20' },
    'bytes beyond ASCII': { said: 'acr_values="caf\u00e9", max_age=20', header: 'max_age="20"', query: 'max_age=20' },
    'tabs and double spaces': { said: 'acr_values="a\tb", max_age=20', header: 'max_age="20"', query: 'max_age=20' },
    'no number': { said: 'acr_values="gold", max_age="1e9"', header: 'acr_values="gold"', query: 'acr_values=gold' },
    'a number below zero': { said: 'acr_values="gold", max_age="-1"', header: 'acr_values="gold"', query: 'acr_values=gold' },
    'a name that we do not know': { said: 'acr_values="gold", prompt="none"', header: 'acr_values="gold"', query: 'acr_values=gold' },
  }
  for (const [what, { said, header, query }] of Object.entries(dirty)) {
    it(`STEP-06 with ${what} puts nothing of that into headers and addresses as it stands`, async () => {
      challenge = `Bearer ${insufficient}, ${said}`

      const [call, page] = [await visitor.call('/api/orders'), await visitor.visit('/reports')]

      assert.equal(call.headers['www-authenticate'], `Bearer ${insufficient}, ${header}`)
      assert.equal(page.headers.location, `/auth/login?return_to=%2Freports&${query}`)
      assert.equal((await visitor.visit(String(page.headers.location))).status, 302)
    })
  }
})

describe('an upstream’s challenge', () => {
  it('is passed on to whoever is not signed in', async () => {
    challenge = `Bearer ${insufficient}, acr_values="${mfa}"`

    const answer = await createVisitor(gateway).call('/shop')

    assert.deepEqual([answer.status, answer.text, answer.headers['sallyport-error']], [401, 'of the upstream', undefined])
    assert.equal(answer.headers['www-authenticate'], challenge)
  })

  it('with another status is passed on', async t => {
    const forbidding = await startUpstream((_req, res) => void res.writeHead(403, { 'www-authenticate': `Bearer ${insufficient}` }).end())
    const own = await startGateway({ idp, upstream: forbidding.origin })
    t.after(() => Promise.all([own.close(), forbidding.close()]))
    const guest = createVisitor(own)
    await guest.signIn(idp)

    const answer = await guest.call('/api/orders')

    assert.deepEqual([answer.status, answer.headers['sallyport-error']], [403, undefined])
  })
})
