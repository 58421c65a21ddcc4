import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { createMemoryStore } from '../../src/store/memory.ts'
import { fetchAt, makeAssertionKey, publishedKeys } from '../support/assertions.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway, type TestGatewayOptions } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { projectRoot, readProjectFile } from '../support/project-files.ts'
import { sampleOf } from '../support/proxy-program.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const orders = 'https://orders.example'
const reports = 'https://reports.example'
const secrets = { ...makeSecrets(), OLD_KEY: makeAssertionKey(), NEW_KEY: makeAssertionKey() }
const clock = makeClock()
const store = createMemoryStore({ now: clock.now })

let idp: IdentityProvider
let upstream: Upstream
let gateway: TestGateway
let alice: Visitor

/** @param keys ids and variables, the one that signs first */
function start(keys: readonly object[], options: TestGatewayOptions = {}): Promise<TestGateway> {
  const to = upstream.origin
  const routes = [
    { path: '/api/orders', upstream: to, token: 'access', assertion: { audience: orders }, identityHeaders: { 'X-Auth-Groups': 'groups' } },
    { path: '/reports', upstream: to, assertion: { audience: reports } },
    { path: '/shop', upstream: to, access: 'optional', assertion: { audience: orders } },
    { path: '/plain', upstream: to },
    { path: '/', upstream: to, access: 'anyone' },
  ]
  return startGateway({ idp, store, clock, secrets, config: { routes, assertionKeys: keys }, ...options })
}

const oldKey = { id: '2026-10', env: 'OLD_KEY' }
const newKey = { id: '2026-11', env: 'NEW_KEY' }

before(async () => {
  idp = await startIdentityProvider()
  upstream = await startUpstream()
  gateway = await start([oldKey])
  alice = createVisitor(gateway)
  await alice.signIn(idp)
})

after(async () => {
  await gateway.close()
  await upstream.close()
  await idp.close()
})

beforeEach(() => {
  upstream.requests.length = 0
})

/** What the upstream gets with a request; undefined for nothing, and more than one is none of it. */
async function assertionOf(visitor: Visitor, target: string): Promise<string | undefined> {
  upstream.requests.length = 0
  await visitor.call(target)
  const lines = upstream.requests.at(-1)?.all('x-auth-assertion') ?? []
  assert.ok(lines.length <= 1)
  return lines[0]
}

const must = async (visitor: Visitor, target: string) => (await assertionOf(visitor, target)) ?? assert.fail('no assertion')
const verify = (token: string, audience: string, from = gateway, at = clock.now()) =>
  jwtVerify(token, publishedKeys(from), {
    ...{ issuer: gateway.origin, audience, algorithms: ['ES256'], typ: 'sallyport-assertion+jwt' },
    currentDate: new Date(at),
  })
const code = (expected: string) => (error: unknown) => error instanceof Error && 'code' in error && error.code === expected

describe('an upstream whose route has an assertion', () => {
  it('HDR-16 verifies who is signed in, with the published keys', async () => {
    const { payload, protectedHeader } = await verify(await must(alice, '/api/orders/7'), orders)

    const { auth_time, iat = 0, exp, ...said } = payload
    const { session } = await alice.session()
    assert.deepEqual(protectedHeader, { alg: 'ES256', kid: '2026-10', typ: 'sallyport-assertion+jwt' })
    const person = { sub: 'a1', provider: 'main', sid: session.session_id, groups: ['ops', 'admin'] }
    assert.deepEqual(said, { iss: gateway.origin, aud: orders, ...person, acr: session.acr, amr: session.amr })
    assert.equal(auth_time, Date.parse(session.auth_time) / 1000)
    assert.equal(exp, iat + 60)
  })

  it('HDR-16 is told only the claims that the route tells in headers', async () => {
    const payload = decodeJwt(await must(alice, '/reports'))

    assert.deepEqual(Object.keys(payload).toSorted(), ['acr', 'amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'provider', 'sid', 'sub'])
  })

  it('HDR-16 A-104 takes no assertion that was made for another, nor a minute later, nor of another issuer', async () => {
    const token = await must(alice, '/api/orders')
    const at = (decodeJwt(token).iat ?? 0) * 1000

    await assert.rejects(verify(token, reports), code('ERR_JWT_CLAIM_VALIDATION_FAILED'))
    await verify(token, orders, gateway, at + 59_000)
    await assert.rejects(verify(token, orders, gateway, at + 60_000), code('ERR_JWT_EXPIRED'))
    const other = jwtVerify(token, publishedKeys(gateway), { issuer: 'https://other.example', currentDate: new Date(at) })
    await assert.rejects(other, code('ERR_JWT_CLAIM_VALIDATION_FAILED'))
  })

  it('gets the same one for half a minute, and then another: it always has half a minute left', async () => {
    clock.advance(31_000)
    const first = await must(alice, '/api/orders')
    clock.advance(5_000)
    const second = await must(alice, '/api/orders')
    clock.advance(30_000)
    const third = await must(alice, '/api/orders')

    assert.equal(second, first)
    assert.notEqual(third, first)
    const { exp = 0 } = decodeJwt(third)
    assert.ok(exp * 1000 - clock.now() > 30_000)
  })

  it('gets nobody else’s, nor that of another session of the same person', async () => {
    const [bob, again] = [createVisitor(gateway), createVisitor(gateway)]
    await bob.signIn(idp, { user: 'bob' })
    await again.signIn(idp)

    const tokens = await Promise.all([alice, bob, again].map(visitor => visitor.call('/api/orders')))

    assert.deepEqual(
      tokens.map(({ status }) => status),
      [200, 200, 200],
    )
    const said = upstream.requests.map(request => decodeJwt(request.all('x-auth-assertion')[0] ?? ''))
    assert.deepEqual(said.map(({ sub }) => sub).toSorted(), ['a1', 'a1', 'b2'])
    assert.equal(new Set(said.map(({ sid }) => sid)).size, 3)
  })

  it('gets none when the session is over', async () => {
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    await must(visitor, '/api/orders')
    const cookie = Array.from(visitor.jar, pair => pair.join('=')).join('; ')
    upstream.requests.length = 0

    await visitor.call('/auth/logout', { method: 'POST', headers: { accept: 'application/json' } })
    const answers = [await visitor.call('/api/orders', { headers: { cookie } }), await visitor.call('/shop', { headers: { cookie } })]

    assert.deepEqual(
      answers.map(({ status }) => status),
      [401, 200],
    )
    assert.deepEqual(
      upstream.requests.map(request => request.all('x-auth-assertion')),
      [[]],
    )
  })

  it('names the origin that the person came by', async t => {
    const both = { origins: ['https://app.example.test', 'https://other.example.test'] }
    const wide = await start([oldKey], { config: { ...both, ...routesOf(), assertionKeys: [oldKey] }, host: 'other.example.test' })
    t.after(() => wide.close())
    const visitor = createVisitor(wide)
    await visitor.signIn(idp)

    assert.equal(decodeJwt(await must(visitor, '/reports')).iss, 'https://other.example.test')
  })

  it('LOG-03 is the only one who sees it', async () => {
    const token = await must(alice, '/api/orders')

    const written = JSON.stringify([gateway.lines, gateway.audit])
    assert.ok(!written.includes(token) && !written.includes(token.split('.')[2] ?? token))
  })
})

describe('an upstream whose route has no assertion', () => {
  it('HDR-16 gets none', async () => {
    assert.deepEqual([await assertionOf(alice, '/plain'), await assertionOf(alice, '/welcome')], [undefined, undefined])
    assert.equal(await assertionOf(createVisitor(gateway), '/shop'), undefined)
  })

  it('HDR-02 HDR-03 A-104 gets none from a client either, in any spelling, on any route', async () => {
    const stolen = await must(alice, '/api/orders')
    const names = ['X-Auth-Assertion', 'x_auth_assertion', 'X-Auth_Assertion', 'X.Auth.Assertion', 'X~AUTH~ASSERTION']
    const headers = Object.fromEntries(names.map(name => [name, stolen]))
    upstream.requests.length = 0

    for (const target of ['/plain', '/shop', '/welcome', '/reports']) await createVisitor(gateway, alice.jar).call(target, { headers })

    assert.equal(upstream.requests.length, 4)
    for (const { rawHeaders } of upstream.requests.slice(0, 3)) assert.ok(!rawHeaders.includes(stolen), String(rawHeaders))
    const [plain, shop, welcome, own] = upstream.requests.map(request => request.all('x-auth-assertion').map(token => decodeJwt(token).aud))
    assert.deepEqual([plain, shop, welcome, own], [[], [orders], [], [reports]])
  })
})

describe('a change of the keys', () => {
  it('META-12 lets both verify as long as both are published', async t => {
    const rotated = await Promise.all([start([oldKey, newKey]), start([newKey, oldKey]), start([newKey])])
    t.after(() => Promise.all(rotated.map(each => each.close())))
    const [added, moved, removed] = rotated as [TestGateway, TestGateway, TestGateway]

    const byOld = await must(createVisitor(added, alice.jar), '/reports')
    const byNew = await must(createVisitor(moved, alice.jar), '/reports')

    assert.deepEqual(
      [byOld, byNew].map(token => decodeProtectedHeader(token).kid),
      ['2026-10', '2026-11'],
    )
    for (const replica of [added, moved]) for (const token of [byOld, byNew]) await verify(token, reports, replica)
    await verify(byNew, reports, removed)
    await assert.rejects(verify(byOld, reports, removed), code('ERR_JWKS_NO_MATCHING_KEY'))
  })
})

describe('the sample in docs/proxying.md', () => {
  it('HDR-16 takes what the gateway signs for it, and nothing else', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-sample-'))
    t.after(() => rmSync(folder, { recursive: true }))
    symlinkSync(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
    const file = join(folder, 'person-of.mjs')
    const sample = sampleOf('js', readProjectFile('docs/proxying.md'))
    assert.ok(sample.includes('https://app.example.com'))
    writeFileSync(file, sample.replaceAll('https://app.example.com', gateway.origin))
    // The sample has the machine's clock.
    const present = await start([oldKey], { clock: makeClock(), store: createMemoryStore({ now: Date.now }) })
    t.after(() => present.close())
    const visitor = createVisitor(present)
    await visitor.signIn(idp)
    t.mock.method(globalThis, 'fetch', fetchAt(present))
    const { personOf } = await import(pathToFileURL(file).href)
    const [token, other] = [await must(visitor, '/api/orders'), await must(visitor, '/reports')]
    const ask = (value?: string) => personOf({ headers: value === undefined ? {} : { 'x-auth-assertion': value } })

    assert.deepEqual(await ask(token), { provider: 'main', sub: 'a1' })
    for (const bad of [undefined, '', 'a.b.c', other, `${token.slice(0, -8)}AAAAAAAA`]) await assert.rejects(ask(bad), String(bad))
  })
})

function routesOf(): { routes: object[] } {
  return { routes: [{ path: '/', upstream: upstream.origin, assertion: { audience: reports } }] }
}
