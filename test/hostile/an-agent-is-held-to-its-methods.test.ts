import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { getHandle, nativeClients, post } from '../support/native-client.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

// Frameworks take the method from a header where one is there: what was let in as a GET would be done as a DELETE.
describe('an agent that may GET, and says in a header that it means another method', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  let agent: string
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    gateway = await startGateway({ idp, upstream: upstream.origin, config: { native: { clients: nativeClients } } })
    const details = { type: 'sallyport_delegation', routes: ['GET /api/orders/*'] }
    const { body } = await post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: await getHandle(gateway, idp),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([details]),
    })
    agent = String(body.access_token)
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close()]))

  const send = (method: string, headers: readonly string[]) =>
    exchangeRaw(
      gateway.port,
      [`${method} /api/orders/7 HTTP/1.1`, `Host: ${gateway.host}`, `Authorization: Bearer ${agent}`, ...headers].join('\r\n'),
    )
  const names = ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override', 'X-Original-Method', 'X-Forwarded-Method']
  const spellings = (name: string) => [
    name,
    name.toLowerCase(),
    name.toUpperCase(),
    name.replaceAll('-', '_'),
    name.replaceAll('-', '.'),
    name.toLowerCase().replace('-', '_'),
  ]

  for (const name of names) {
    it(`has ${name} dropped in every spelling, alone and in a crowd`, async () => {
      const ways = [...spellings(name).map(spelling => [`${spelling}: DELETE`]), spellings(name).map(spelling => `${spelling}: DELETE`)]
      for (const headers of ways) {
        upstream.requests.length = 0

        const { status } = await send('GET', headers)

        const [seen] = upstream.requests
        assert.deepEqual([status, seen?.method], [200, 'GET'], headers.join())
        // By their shape, so that no spelling is missed for being another one than was sent.
        const kept = (seen?.rawHeaders ?? []).filter((text, at) => at % 2 === 0 && /method|override/i.test(text))
        // X-Forwarded-Method is none of those that we set.
        assert.deepEqual(kept, [], headers.join())
        assert.ok(!(seen?.rawHeaders ?? []).includes('DELETE'))
      }
    })
  }

  it('gets no other method by the method itself, or with one of them for the header', async () => {
    upstream.requests.length = 0

    const statuses = [
      (await send('DELETE', [])).status,
      (await send('POST', ['Content-Length: 0', 'X-HTTP-Method-Override: GET'])).status,
      (await send('delete', [])).status,
    ]

    assert.deepEqual([statuses, upstream.requests], [[403, 403, 400], []])
  })
})
