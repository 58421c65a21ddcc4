import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import type { FetchedDocument } from '../../src/native/fetch-document.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { authorizePath, call, createRun, getHandle, nativeClients, post, reachApproval } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const id = 'https://tool.example/oauth/client.json'
const good = { client_id: id, client_name: 'A tool', redirect_uris: ['http://127.0.0.1/callback', 'https://tool.example/callback'] }

describe('a client whose id is the address of a document', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let documents: Map<string, unknown>
  let fetched: string[]
  let cacheControl: string
  let shared: { readonly store: Store; readonly secrets: Readonly<Record<string, string>> }

  const fetchDocument = async (url: URL): Promise<FetchedDocument> => {
    fetched.push(url.href)
    return { body: Buffer.from(JSON.stringify(documents.get(url.href) ?? null)), cacheControl }
  }
  const start = (allow: readonly string[]) =>
    startGateway({
      idp,
      upstream: upstream.origin,
      fetchDocument,
      ...shared,
      config: { native: { clients: nativeClients, clientIdMetadata: { allow, scopes: ['orders.read'] } } },
    })

  beforeEach(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    documents = new Map<string, unknown>([[id, good]])
    ;[fetched, cacheControl] = [[], '']
    shared = { store: createMemoryStore({ now: Date.now }), secrets: makeSecrets() }
    gateway = await start(['https://tool.example', 'https://other.example/one.json'])
  })
  afterEach(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const ask = (changes: Record<string, string | null> = {}) =>
    createVisitor(gateway).visit(authorizePath(createRun({ client_id: id, ...changes })), { site: 'none' })
  const statusOf = async (changes: Record<string, string | null> = {}) => (await ask(changes)).status
  const lastReason = () => gateway.audit.at(-1)?.reason

  it('NAT-15 signs in, and is called by its host, not by what it calls itself', async () => {
    const handle = await getHandle(gateway, idp, { client_id: id })
    const { page } = await reachApproval(createVisitor(gateway), idp, createRun({ client_id: id }))

    const response = await call(gateway, '/api/orders', handle)

    assert.equal(response.status, 200)
    assert.match(page.text, /<strong>tool\.example<\/strong>/)
    assert.match(page.text, /https:\/\/tool\.example\/oauth\/client\.json/)
    assert.ok(!page.text.includes('A tool'))
    assert.equal(gateway.audit.find(({ event }) => event === 'sign_in')?.client_id, id)
  })

  it('is offered by the metadata', async () => {
    const { body } = await call(gateway, '/.well-known/oauth-authorization-server', null)

    assert.equal(body.client_id_metadata_document_supported, true)
    assert.deepEqual(body.token_endpoint_auth_methods_supported, ['none'])
  })

  it('NAT-31 may ask for the scopes of its kind alone, and neither signs in by a device nor hands on', async () => {
    const more = await ask({ scope: 'orders.read sessions' })
    const device = await post(gateway, '/oauth/device_authorization', { client_id: id })
    const handle = await getHandle(gateway, idp, { client_id: id })
    const exchange = await post(gateway, '/oauth/token', {
      client_id: id,
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: handle,
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    })

    assert.match(String(more.headers.location), /error=invalid_scope/)
    assert.deepEqual([device.body.error, exchange.body.error], ['unauthorized_client', 'unauthorized_client'])
  })

  const strangers = {
    'of a site that is not let in': 'https://evil.example/client.json',
    'of another document of a site of which one is let in': 'https://other.example/two.json',
    'of a host that looks like one': 'https://tool.example.evil.test/client.json',
    'of a host below one': 'https://sub.tool.example/client.json',
    'with a user name': 'https://tool.example@evil.test/client.json',
    'with a password': 'https://a:b@tool.example/client.json',
    'with another port': 'https://tool.example:8443/client.json',
    'with the usual port written out': 'https://tool.example:443/client.json',
    'with a query': `${id}?x=1`,
    'with a fragment': `${id}#x`,
    'with dots': 'https://tool.example/a/../oauth/client.json',
    'with encoded dots': 'https://tool.example/a/%2e%2e/oauth/client.json',
    'with a backslash': 'https://tool.example\\oauth/client.json',
    'with a host in capitals': 'https://TOOL.example/oauth/client.json',
    'without a path': 'https://tool.example',
    'with an empty path': 'https://tool.example/',
    'over http': 'http://tool.example/client.json',
    'too long': `https://tool.example/${'a'.repeat(300)}`,
  }
  for (const [what, client_id] of Object.entries(strangers)) {
    it(`NAT-09 is nobody by an id ${what}, and nothing is fetched`, async () => {
      const response = await ask({ client_id })

      assert.deepEqual([response.status, response.headers.location, lastReason()], [400, undefined, 'unknown_client'])
      assert.deepEqual(fetched, [])
    })
  }

  const untrue: Readonly<Record<string, unknown>> = {
    'about another client': { ...good, client_id: 'https://tool.example/oauth/other.json' },
    'about no client': { redirect_uris: good.redirect_uris },
    'with a secret': { ...good, client_secret: 's' },
    'of a client that wants to prove itself by one': { ...good, token_endpoint_auth_method: 'client_secret_basic' },
    'that asks for no code': { ...good, grant_types: ['client_credentials'] },
    'without redirect URIs': { client_id: id },
    'that is a list': [good],
    'with no redirect URI that could be used': {
      ...good,
      redirect_uris: ['loopback', 'javascript:alert(1)', 'http://tool.example/cb', 'https://evil.test/cb', 7],
    },
  }
  for (const [what, document] of Object.entries(untrue)) {
    it(`NAT-09 is nobody by a document ${what}`, async () => {
      documents.set(id, document)

      const response = await ask()

      assert.deepEqual([response.status, response.headers.location, lastReason()], [400, undefined, 'document_invalid'])
    })
  }

  it('NAT-04 NAT-08 is answered by the rules of every client, whatever its document lists', async () => {
    const evil = [
      'loopback',
      'http://127.0.0.1:1/@evil',
      'http://127.0.0.1.evil.test/cb',
      'https://evil.test/cb',
      'http://tool.example/cb',
      'data:,x',
    ]
    documents.set(id, {
      ...good,
      redirect_uris: [...evil, 'http://127.0.0.1:3000/callback', 'http://localhost/done', 'https://tool.example/callback'],
    })
    const statuses = async (uris: readonly string[]) => {
      const found: number[] = []
      for (const redirect_uri of uris) found.push(await statusOf({ redirect_uri }))
      return [...new Set(found)]
    }

    assert.deepEqual(
      await statuses([...evil, 'http://127.0.0.1:51004/other', 'http://localhost:51004/callback', 'https://tool.example/callback/x']),
      [400],
    )
    assert.deepEqual(
      await statuses(['http://127.0.0.1:51004/callback', 'http://localhost:51004/done', 'https://tool.example/callback']),
      [302],
    )
  })

  it('NHI-03 is out, with its handles, as soon as it is let in no more', async t => {
    const without = await start(['https://other.example/one.json'])
    t.after(() => without.close())
    const handle = await getHandle(gateway, idp, { client_id: id })

    assert.equal((await call(gateway, '/api/orders', handle)).status, 200)
    assert.equal((await call(without, '/api/orders', handle)).body.code, 'invalid_handle')
  })

  it('is asked for its document once, for as long as the document says, and again after that', async () => {
    cacheControl = 'max-age=600'
    await statusOf()
    await statusOf()
    gateway.clock.advance(599_000)
    await statusOf()
    const before = fetched.length
    documents.set(id, { ...good, redirect_uris: ['http://127.0.0.1/elsewhere'] })
    gateway.clock.advance(2_000)

    const after = await statusOf()

    assert.deepEqual([before, fetched.length, after], [1, 2, 400])
  })

  it('is asked again within a day, and not before five minutes, whatever the document says', async () => {
    cacheControl = 'max-age=99999999'
    await statusOf()
    gateway.clock.advance(86_400_000)
    cacheControl = 'no-store'
    await statusOf()
    gateway.clock.advance(299_000)
    await statusOf()

    assert.equal(fetched.length, 2)
  })

  it('NAT-32 is asked for by one address only so often', async () => {
    await statusOf()
    const others: number[] = []
    for (let n = 0; n < 12; n += 1) others.push(await statusOf({ client_id: `https://tool.example/${n}.json` }))

    assert.deepEqual(others, [...Array(9).fill(400), 429, 429, 429])
    assert.equal(fetched.length, 10)
    assert.equal(await statusOf(), 302, 'what is known is no question of how often')
  })

  it('pushes its request, and is told there what its document lacks', async () => {
    const push = (client_id: string) => post(gateway, '/oauth/par', createRun({ client_id }).params)
    documents.set('https://tool.example/bad.json', {})

    assert.equal((await push(id)).status, 201)
    assert.deepEqual([(await push('https://tool.example/bad.json')).body.error], ['invalid_client'])
  })
})
