import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { parseCredential } from '../../src/session/credential.ts'
import { formatHandle, parseHandle } from '../../src/session/handle.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { eventually } from '../support/eventually.ts'
import { type Line, makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { call, getHandle, nativeClients, post } from '../support/native-client.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

/*
 * What happened: an agent that had made all its calls was refused with `budget_exhausted`, and the audit did not say which
 * agent: the refusal came before the request's subject was known. So it had no `agent_call` either.
 *
 * What holds it now: the error brings along whose the handle was, where its secret has opened the session.
 */
describe('An agent that is refused', () => {
  let idp: IdentityProvider
  let upstream: Upstream
  let gateway: TestGateway
  /** Over the same sessions, under a configuration from which the client has been taken away. */
  let without: TestGateway
  before(async () => {
    idp = await startIdentityProvider()
    upstream = await startUpstream()
    const routes = [{ path: '/api', upstream: upstream.origin, token: 'access' }]
    const clock = makeClock()
    const shared = { idp, clock, store: createMemoryStore(clock), secrets: makeSecrets() }
    gateway = await startGateway({ ...shared, config: { native: { clients: nativeClients }, routes } })
    without = await startGateway({ ...shared, config: { native: { clients: { other: nativeClients.other } }, routes } })
  })
  after(() => Promise.all([idp.close(), upstream.close(), gateway.close(), without.close()]))

  async function handOn(limits: object): Promise<string> {
    const response = await post(gateway, '/oauth/token', {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_id: 'cli',
      subject_token: await getHandle(gateway, idp),
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      authorization_details: JSON.stringify([{ type: 'sallyport_delegation', ...limits }]),
    })
    assert.equal(response.status, 200, response.text)
    return response.body.access_token
  }

  /** The lines that one call adds to the audit, once its refusal is there. */
  async function toldOf(
    handle: string,
    by = gateway,
  ): Promise<{ readonly refusal: Line | undefined; readonly agentCall: Line | undefined }> {
    const before = by.audit.length
    const { status, headers } = await call(by, '/api/x', handle)
    assert.equal(status, 401)
    const added = () => by.audit.slice(before).filter(line => line.request_id === headers['x-request-id'])
    // The line of the call, where there is one, is written in the same tick.
    await eventually(() => added().some(({ event }) => event === 'refusal'))
    return { refusal: added().find(({ event }) => event === 'refusal'), agentCall: added().find(({ event }) => event === 'agent_call') }
  }

  const namesOf = (line: Line | undefined) => [line?.kind, line?.session_id, line?.act, line?.client_id, line?.provider, line?.sub]

  it('NHI-10 is named in the refusal and in the line of its call, where its calls are used up', async () => {
    const agent = await handOn({ name: 'nightly', max_calls: 1 })
    const { familyId = '', member = '' } = parseHandle(agent) ?? {}
    assert.equal((await call(gateway, '/api/x', agent)).status, 200)

    const { refusal, agentCall } = await toldOf(agent)

    const names = ['agent', `${familyId}.${member}`, ['nightly', 'cli'], 'cli', 'main', 'a1']
    assert.deepEqual([refusal?.code, refusal?.reason], ['invalid_handle', 'budget_exhausted'])
    assert.deepEqual(namesOf(refusal), names)
    assert.deepEqual([agentCall?.status, agentCall?.outcome, agentCall?.route], [401, 'refused', '/api'])
    assert.deepEqual(namesOf(agentCall), names)
  })

  it('is named where its client is known no more', async () => {
    const agent = await handOn({ name: 'nightly' })

    const { refusal, agentCall } = await toldOf(agent, without)

    assert.equal(refusal?.reason, 'unknown_handle')
    for (const line of [refusal, agentCall]) assert.deepEqual([line?.client_id, line?.act, line?.sub], ['cli', ['nightly', 'cli'], 'a1'])
  })

  it('is not named by a handle that is not its own, nor once there is nobody to show it to be', async () => {
    const agent = await handOn({ name: 'nightly', max_calls: 1 })
    const genuine = parseHandle(agent) ?? assert.fail('no handle')
    const forged = formatHandle({ ...genuine, secret: 'A'.repeat(43) })
    const nobody = [undefined, undefined, undefined, undefined, undefined, undefined]

    const ofForged = await toldOf(forged)
    assert.equal((await call(gateway, '/api/x', agent)).status, 200)
    const ofUsedUp = await toldOf(forged)
    await toldOf(agent)
    const ofEnded = await toldOf(agent)

    for (const { refusal, agentCall } of [ofForged, ofUsedUp, ofEnded]) {
      assert.deepEqual(namesOf(refusal), nobody)
      assert.equal(agentCall, undefined)
    }
    // The credential of a browser's cookie, dressed up as a handle.
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const cookie = decodeURIComponent([...visitor.jar.values()].find(value => value.includes('.0.')) ?? '')
    const [, credential = ''] = /([\w-]{22}\.0\.[\w-]{43})/.exec(cookie) ?? []
    const { refusal } = await toldOf(formatHandle(parseCredential(credential) ?? assert.fail('no credential')))
    assert.deepEqual([refusal?.reason, namesOf(refusal)], ['unknown_handle', nobody])
    assert.deepEqual([ofForged.refusal?.reason, ofEnded.refusal?.reason], ['unknown_handle', 'expired'])
  })
})
