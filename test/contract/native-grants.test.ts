import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { authorizePath, call, createRun, nativeClients, post } from '../support/native-client.ts'
import { createVisitor } from '../support/visitor.ts'

describe('the ways to a handle', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await startGateway({ config: { native: { clients: nativeClients } } })
  })
  after(() => gateway.close())

  const person = { username: 'alice', password: 'x', scope: 'orders.read' }
  const absent: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    password: person,
    client_credentials: { scope: 'orders.read' },
    refresh_token: { refresh_token: 'x' },
    'urn:ietf:params:oauth:grant-type:jwt-bearer': { assertion: 'x.y.z' },
    constructor: {},
  }
  for (const [grant_type, params] of Object.entries(absent)) {
    it(`NHI-04 are not ${grant_type}`, async () => {
      const { status, body } = await post(gateway, '/oauth/token', { grant_type, client_id: 'cli', ...params })

      assert.deepEqual([status, body.error], [400, 'unsupported_grant_type'])
    })
  }

  for (const response_type of ['token', 'id_token', 'code token', 'code id_token token', 'none']) {
    it(`NHI-04 are not by the front channel: ${response_type}`, async () => {
      const response = await createVisitor(gateway).visit(authorizePath(createRun({ response_type })), { site: 'none' })

      const answer = new URL(String(response.headers.location))
      assert.deepEqual([answer.searchParams.get('error'), answer.hash], ['unsupported_response_type', ''])
    })
  }

  it('NHI-04 are a person’s code with S256, a device that a person lets in, and what one hands on', async () => {
    const { body } = await call(gateway, '/.well-known/oauth-authorization-server', null)

    assert.deepEqual(body.grant_types_supported, [
      'authorization_code',
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ])
    assert.deepEqual([body.response_types_supported, body.code_challenge_methods_supported], [['code'], ['S256']])
  })
})
