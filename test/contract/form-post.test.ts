import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { providerConfig, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, type SignInOptions, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, refreshOf, type VisitOptions, type Visitor } from '../support/visitor.ts'

const callback = '/auth/callback/main'

describe('POST /auth/callback/{provider}, where the provider answers by form', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    gateway = await startGateway({ idp, config: { identityProviders: { main: { ...providerConfig(idp), responseMode: 'form_post' } } } })
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  /** From /auth/login to the form that the provider's page would post. */
  async function begin(visitor: Visitor, options?: SignInOptions): Promise<URLSearchParams> {
    const { headers } = await visitor.visit('/auth/login?return_to=/reports')
    const { url, form } = await idp.signInByForm(String(headers.location), options)
    assert.equal(url.href, `${gateway.origin}${callback}`)
    return form
  }

  /** As the provider's page does. */
  const post = (visitor: Visitor, form: URLSearchParams | string, options: VisitOptions = {}) =>
    visitor.visit(callback, { method: 'POST', site: 'cross-site', body: form.toString(), ...options })

  async function finish(visitor: Visitor, form: URLSearchParams) {
    return visitor.visit(refreshOf(await post(visitor, form)) ?? '/nowhere')
  }

  it('FLOW-12 FLOW-22 CKE-04 signs in with nothing in an address, by a None cookie for the attempt and a Strict one for the session', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)

    const handOff = await post(visitor, form)
    const done = await visitor.visit(refreshOf(handOff) ?? '')

    assert.equal(handOff.status, 200)
    assert.match(refreshOf(handOff) ?? '', /^\/auth\/continue\/[\w-]{22}$/)
    for (const name of ['code', 'state']) assert.ok(!handOff.text.includes(form.get(name) ?? ''))
    assert.deepEqual([done.status, done.headers.location], [303, '/reports'])
    assert.match(visitor.setCookies[0] ?? '', /\.attempt\.[\w-]{8}=[^;]+; Path=\/; Max-Age=600; HttpOnly; Secure; SameSite=None$/)
    assert.match(visitor.setCookies.at(-1) ?? '', /^__Host-Http-sallyport=[^;]+; .*SameSite=Strict$/)
    assert.equal((await visitor.session()).user.sub, 'a1')
    for (const secret of [form.get('code') ?? '', form.get('state') ?? ''])
      assert.ok(!JSON.stringify([gateway.lines, gateway.audit]).includes(secret))
  })

  it('signs in without Fetch Metadata too, as old browsers and test drivers go about it', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)
    const plain = { 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null, 'sec-fetch-user': null }

    const handOff = await post(visitor, form, { headers: plain })

    assert.equal((await visitor.visit(refreshOf(handOff) ?? '')).status, 303)
  })

  it('FLOW-12 takes no other method, spends nothing on it, and says which it takes', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)

    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE'] as const) {
      const response = await visitor.visit(`${callback}?${form}`, { method, site: 'cross-site' })

      assert.equal(response.status, 405, method)
      assert.equal(response.headers.allow, 'POST')
    }
    assert.equal((await finish(visitor, form)).status, 303)
  })

  it('FLOW-12 does not read the address', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)

    const response = await visitor.visit(`${callback}?${form}`, { method: 'POST', site: 'cross-site', body: 'x=y' })

    assert.equal(response.headers['sallyport-error'], 'bad_request')
    assert.equal((await finish(visitor, form)).status, 303)
  })

  for (const [what, type, body] of [
    ['JSON', 'application/json', (form: URLSearchParams) => JSON.stringify(Object.fromEntries(form))],
    ['text', 'text/plain', String],
    ['a multipart form', 'multipart/form-data; boundary=x', (form: URLSearchParams) => `--x\r\n\r\n${form}\r\n--x--`],
    ['almost the type', 'application/x-www-form-urlencoded-not', String],
  ] as const) {
    it(`FLOW-12 refuses ${what} for a form, and spends nothing on it`, async () => {
      const visitor = createVisitor(gateway)
      const form = await begin(visitor)
      const asked = idp.tokenRequests.length

      const response = await post(visitor, body(form), { headers: { 'content-type': type } })

      assert.equal(response.status, 400)
      assert.equal(response.headers['sallyport-error'], 'bad_request')
      assert.match(String(response.headers['content-type']), /^text\/html/)
      assert.equal(gateway.audit.at(-1)?.reason, 'content_type')
      assert.equal(idp.tokenRequests.length, asked)
      assert.equal((await finish(visitor, form)).status, 303)
    })
  }

  for (const name of ['state', 'code', 'iss', 'error']) {
    it(`FLOW-10 A-128 refuses ${name} twice`, async () => {
      const visitor = createVisitor(gateway)
      const form = await begin(visitor)
      const asked = idp.tokenRequests.length

      for (const value of ['x', 'x']) form.append(name, value)
      const response = await post(visitor, form)

      assert.equal(response.status, 400)
      assert.equal(gateway.audit.at(-1)?.reason, 'parameter_repeated')
      assert.equal(idp.tokenRequests.length, asked)
    })
  }

  it('FLOW-06 CSRF-07 refuses a form that another site posts in a browser that began nothing', async () => {
    const [attacker, victim] = [createVisitor(gateway), createVisitor(gateway)]
    const form = await begin(attacker)
    const asked = idp.tokenRequests.length

    const response = await post(victim, form)

    assert.equal(response.headers['sallyport-error'], 'attempt_unknown')
    assert.match(response.text, /href="\/auth\/login"/)
    assert.equal(idp.tokenRequests.length, asked)
    assert.deepEqual(victim.setCookies, [])
  })

  it('FLOW-08 A-001 refuses a form that is posted again', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)
    await post(visitor, form)
    const asked = idp.tokenRequests.length

    const again = await post(visitor, form)

    assert.equal(again.headers['sallyport-error'], 'attempt_replayed')
    assert.equal(idp.tokenRequests.length, asked)
  })

  it('FLOW-11 shows a page for a refusal, with nothing of its text, and lets the person begin again', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor, { deny: true })
    form.set('error_description', '<img src=x onerror=alert(1)>')

    const response = await post(visitor, form)

    assert.equal(response.status, 403)
    assert.equal(response.headers['sallyport-error'], 'access_denied')
    assert.doesNotMatch(response.text, /alert/)
    assert.match(response.text, /href="\/auth\/login\?prompt=select_account"/)
    assert.equal((await finish(visitor, await begin(visitor))).status, 303)
  })

  it('leads from the page about an absent provider to a new sign-in with the same end', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)

    idp.troubles.set('token', 'error')
    const response = await post(visitor, form)
    idp.troubles.clear()

    assert.equal(response.status, 503)
    assert.match(response.text, /href="\/auth\/login\?return_to=%2Freports"/)
  })

  it('FLOW-16 is for navigations: neither a script nor a frame spends anything', async () => {
    const visitor = createVisitor(gateway)
    const form = await begin(visitor)

    for (const headers of [{ 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }, { 'sec-fetch-dest': 'iframe' }]) {
      const response = await post(visitor, form, { headers })

      assert.equal(response.headers['sallyport-error'], 'navigation_required')
    }
    assert.equal((await finish(visitor, form)).status, 303)
  })

  it('OPS-02 reads no more than 16 KiB, and nothing that is packed', async () => {
    const visitor = createVisitor(gateway)

    const large = await post(visitor, `state=x&code=${'c'.repeat(17_000)}`)
    const packed = await post(visitor, 'x', { headers: { 'content-encoding': 'gzip' } })

    assert.equal(large.headers['sallyport-error'], 'body_too_large')
    assert.deepEqual([packed.status, packed.headers['sallyport-error']], [400, 'bad_request'])
  })

  it('NIST-01 has no use for an ID token or a code that nobody asked for', async () => {
    const visitor = createVisitor(gateway)

    for (const form of ['id_token=eyJhbGciOiJub25lIn0.e30.', 'code=x', 'code=x&state=', '', `code=x&state=${'A'.repeat(22)}.y`]) {
      const response = await post(visitor, form, { headers: { 'content-type': 'application/x-www-form-urlencoded' } })

      assert.equal(response.status, 400, form)
    }
    assert.deepEqual(visitor.setCookies, [])
  })
})

describe('POST /auth/callback/{provider}, where the provider answers in the address', () => {
  it('FLOW-12 is refused with the method that is taken, on a page, and spends nothing', async t => {
    const idp = await startIdentityProvider()
    t.after(idp.close)
    const gateway = await startGateway({ idp })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    const url = await visitor.begin(idp)

    const response = await visitor.visit(callback, { method: 'POST', body: url.search.slice(1) })

    assert.equal(response.status, 405)
    assert.equal(response.headers.allow, 'GET')
    assert.match(String(response.headers['content-type']), /^text\/html/)
    assert.equal((await visitor.finish(url)).status, 303)
  })
})
