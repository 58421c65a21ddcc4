import assert from 'node:assert/strict'
import { createPrivateKey, generateKeyPairSync, randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose'
import { makeSecrets, providerConfig, startGateway } from '../support/gateway.ts'
import { type IdentityProviderOptions, startIdentityProvider } from '../support/identity-provider.ts'
import { startLyingProvider } from '../support/lying-provider.ts'
import { createVisitor, refreshOf } from '../support/visitor.ts'

/** A provider, and a gateway whose configuration of it has options more or others. */
async function start(t: TestContext, idpOptions: IdentityProviderOptions, options: Record<string, unknown> = {}, env = {}) {
  const idp = await startIdentityProvider(idpOptions)
  t.after(idp.close)
  const main = { ...providerConfig(idp), ...options }
  const secrets = { ...makeSecrets(), CLIENT_SECRET: idp.clientSecret, ...env }
  const gateway = await startGateway({ idp, secrets, config: { identityProviders: { main } } })
  t.after(gateway.close)
  return { idp, gateway, visitor: createVisitor(gateway) }
}

/** A client's key as the two sides know it. */
function makeKeys(kind: 'rsa' | 'ec' | 'ed25519') {
  const { privateKey, publicKey } =
    kind === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : kind === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
        : generateKeyPairSync('ed25519')
  return {
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    clientKeys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }],
  }
}

describe('private_key_jwt', () => {
  for (const [kind, algorithm] of [
    ['rsa', 'PS256'],
    ['ec', 'ES256'],
    ['ed25519', 'EdDSA'],
  ] as const) {
    it(`CAUTH-05 CAUTH-11 signs in with ${algorithm} under a key from outside, which no line of a log shows`, async t => {
      const { pem, clientKeys } = makeKeys(kind)
      const key = { clientAuth: { method: 'private_key_jwt', key: { env: 'KEY' }, keyId: 'k1' } }
      const { idp, gateway, visitor } = await start(t, { clientAuth: 'private_key_jwt', clientKeys }, key, { KEY: pem })

      const response = await visitor.signIn(idp)

      const [sent] = idp.tokenRequests
      const assertion = String(sent?.params.client_assertion)
      assert.equal(response.status, 303)
      assert.deepEqual([sent?.authorization, sent?.params.client_secret], ['', undefined])
      assert.deepEqual([decodeProtectedHeader(assertion).alg, decodeProtectedHeader(assertion).kid], [algorithm, 'k1'])
      assert.equal(decodeJwt(assertion).aud, idp.issuer)
      for (const line of [assertion, ...pem.trim().split('\n').slice(1, -1)])
        assert.ok(!JSON.stringify([gateway.lines, gateway.audit]).includes(line))
    })
  }

  it('CAUTH-02 is for the token endpoint where the configuration says so', async t => {
    const { pem, clientKeys } = makeKeys('ec')
    const clientAuth = { method: 'private_key_jwt', key: { env: 'KEY' }, keyId: 'k1', audience: 'token_endpoint' }
    const { idp, visitor } = await start(t, { clientAuth: 'private_key_jwt', clientKeys }, { clientAuth }, { KEY: pem })

    assert.equal((await visitor.signIn(idp)).status, 303)
    assert.equal(decodeJwt(String(idp.tokenRequests[0]?.params.client_assertion)).aud, `${idp.issuer}/token`)
  })

  it('with a key that the provider does not know ends on a page, with no word of it', async t => {
    const { clientKeys } = makeKeys('ec')
    const clientAuth = { method: 'private_key_jwt', key: { env: 'KEY' } }
    const { idp, visitor } = await start(t, { clientAuth: 'private_key_jwt', clientKeys }, { clientAuth }, { KEY: makeKeys('ec').pem })

    const response = await visitor.signIn(idp)

    assert.deepEqual([response.status, response.headers['sallyport-error']], [503, 'idp_unavailable'])
    assert.doesNotMatch(response.text, /invalid_client|assertion|eyJ/)
  })
})

describe('client_assertion', () => {
  it('CAUTH-11 shows what stands in the file at the time, so that whoever writes it can replace it', async t => {
    const { pem, clientKeys } = makeKeys('ec')
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-assertion-'))
    t.after(() => rm(folder, { recursive: true }))
    const file = join(folder, 'token')
    const clientAuth = { method: 'client_assertion', assertion: { file } }
    const { idp, gateway } = await start(t, { clientAuth: 'private_key_jwt', clientKeys }, { clientAuth })
    const write = async () => {
      const claims = new SignJWT({ iss: 'sallyport', sub: 'sallyport', aud: idp.issuer }).setProtectedHeader({ alg: 'ES256', kid: 'k1' })
      await writeFile(file, `${await claims.setJti(randomUUID()).setExpirationTime('1m').sign(createPrivateKey(pem))}\n`)
    }

    const early = await createVisitor(gateway).signIn(idp)
    await write()
    const first = await createVisitor(gateway).signIn(idp)
    await write()
    const second = await createVisitor(gateway).signIn(idp)

    assert.deepEqual([early.status, early.headers['sallyport-error']], [503, 'idp_unavailable'])
    assert.doesNotMatch(early.text, /token|assertion/)
    assert.deepEqual([first.status, second.status], [303, 303])
  })
})

describe('pushed authorization requests', () => {
  it('PAR-01 leave the browser an address with two names', async t => {
    const { idp, visitor } = await start(t, { par: 'offered' })

    const login = await visitor.visit('/auth/login?login_hint=alice@example.com')
    const done = await visitor.finish(await idp.signIn(String(login.headers.location)))

    const { searchParams } = new URL(String(login.headers.location))
    assert.deepEqual([...searchParams.keys()].sort(), ['client_id', 'request_uri'])
    assert.equal(idp.troubles.count('push'), 1)
    assert.equal(done.status, 303)
  })

  it('PAR-03 are made anew for each sign-in', async t => {
    const { visitor } = await start(t, { par: 'offered' })

    const [one, other] = [await visitor.visit('/auth/login'), await visitor.visit('/auth/login')].map(
      ({ headers }) => new URL(String(headers.location)).searchParams.get('request_uri') ?? '',
    )

    assert.ok(one !== '' && one !== other)
  })

  it('FLOW-12 go together with answers by form, and a key', async t => {
    const { pem, clientKeys } = makeKeys('ec')
    const options = { responseMode: 'form_post', par: 'require', clientAuth: { method: 'private_key_jwt', key: { env: 'KEY' } } }
    const { idp, visitor } = await start(t, { par: 'required', clientAuth: 'private_key_jwt', clientKeys }, options, { KEY: pem })

    const login = await visitor.visit('/auth/login')
    const { url, form } = await idp.signInByForm(String(login.headers.location))
    const handOff = await visitor.visit(url.pathname, { method: 'POST', site: 'cross-site', body: form.toString() })

    assert.equal(url.search, '')
    assert.equal((await visitor.visit(refreshOf(handOff) ?? '')).status, 303)
    assert.equal((await visitor.session()).authenticated, true)
  })

  for (const [what, idpPar, par, status] of [
    ['are not made where they are off', 'offered', 'off', 302],
    ['end the sign-in before it begins where they are required and not offered', 'off', 'require', 503],
    ['likewise where they are off and the provider requires them', 'required', 'off', 503],
  ] as const) {
    it(`PAR-02 ${what}`, async t => {
      const { idp, visitor } = await start(t, { par: idpPar }, { par })

      const response = await visitor.visit('/auth/login')

      assert.equal(response.status, status)
      assert.equal(idp.troubles.count('push'), 0)
      assert.equal(visitor.setCookies.length, status === 302 ? 1 : 0)
    })
  }

  it('PAR-02 that fail are never replaced by an open request', async t => {
    const { idp, visitor } = await start(t, { par: 'offered' })
    idp.troubles.set('push', 'error')

    const response = await visitor.visit('/auth/login')

    assert.deepEqual([response.status, response.headers.location], [503, undefined])
    assert.deepEqual(visitor.setCookies, [])
  })

  it('PAR-05 take no request of the browser’s in their place', async t => {
    const { idp, visitor } = await start(t, { par: 'offered' })

    const response = await visitor.visit('/auth/login?request_uri=https%3A%2F%2Fevil.test%2Fr&request=eyJ')

    const { searchParams } = new URL(String(response.headers.location))
    assert.match(searchParams.get('request_uri') ?? '', /^urn:ietf:params:oauth:request_uri:/)
    assert.equal(searchParams.has('request'), false)
    assert.equal(idp.troubles.count('push'), 1)
  })
})

describe('a sign-in', () => {
  it('costs the provider one push and one token request, the first also metadata and keys', async t => {
    const { idp, gateway } = await start(t, { par: 'offered' })
    const counts = () => (['discovery', 'push', 'token', 'jwks', 'userinfo'] as const).map(place => idp.troubles.count(place))

    await createVisitor(gateway).signIn(idp)
    const first = counts()
    await createVisitor(gateway).signIn(idp, { user: 'bob' })

    assert.deepEqual(first, [1, 1, 1, 1, 0])
    assert.deepEqual(counts(), [1, 2, 2, 1, 0])
  })

  it('asks UserInfo once, where a claim needs it', async t => {
    const claims = { groups: { from: ['userinfo'] } }
    const { idp, visitor } = await start(t, { accessTokens: 'opaque' }, { claims })

    await visitor.signIn(idp)

    assert.deepEqual([idp.troubles.count('userinfo'), idp.troubles.count('token')], [1, 1])
    assert.deepEqual((await visitor.session()).user.claims.groups, ['ops', 'admin'])
  })

  it('can be driven by plain GETs from beginning to end, as a conformance suite does', async t => {
    const { idp, visitor } = await start(t, {})
    const plain = { headers: Object.fromEntries(['site', 'mode', 'dest', 'user'].map(name => [`sec-fetch-${name}`, null])) }

    const login = await visitor.visit('/auth/login', plain)
    const callback = await idp.signIn(String(login.headers.location))
    const handOff = await visitor.visit(callback.pathname + callback.search, plain)
    const done = await visitor.visit(refreshOf(handOff) ?? '', plain)

    assert.deepEqual([login.status, handOff.status, done.status], [302, 200, 303])
    assert.equal((await visitor.session()).authenticated, true)
  })

  it('META-02 knows issuer, client and address from the configuration, and all else from that issuer’s metadata', async t => {
    const issuer = 'https://id.example.test'
    const peer = await startLyingProvider({ issuer })
    t.after(peer.close)
    const main = { ...providerConfig(peer), issuer, connectTo: peer.address, clientId: 'suite-client-7' }
    const gateway = await startGateway({ config: { identityProviders: { main } } })
    t.after(gateway.close)

    const login = await createVisitor(gateway).visit('/auth/login')

    const asked = new URL(String(login.headers.location))
    assert.equal(`${asked.origin}${asked.pathname}`, `${issuer}/auth`)
    assert.equal(asked.searchParams.get('client_id'), 'suite-client-7')
    assert.deepEqual(
      peer.requests.map(({ path, host }) => [path, host]),
      [['/.well-known/openid-configuration', 'id.example.test']],
    )
  })
})
