import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it, type TestContext } from 'node:test'
import { GatewayError } from '../../src/errors.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { lastSid, postLogout } from '../support/back-channel.ts'
import { brokenStore } from '../support/broken-store.ts'
import { eventually } from '../support/eventually.ts'
import { sessionConfig, startGateway } from '../support/gateway.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor } from '../support/visitor.ts'

const memory = () => createMemoryStore({ now: Date.now })

describe('POST /auth/backchannel-logout/{provider} when a part is away', () => {
  let idp: IdentityProvider
  before(async () => {
    idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
  })
  after(() => idp.close())
  afterEach(() => idp.troubles.clear())

  it('is 503 while the store is away, and the same token counts when it is back', async t => {
    const state = { isAway: false }
    const gateway = await startGateway({ idp, store: brokenStore(memory(), state) })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const token = await idp.logoutToken({ claims: { sid: lastSid(idp) } })

    state.isAway = true
    const away = await postLogout(gateway, token)
    state.isAway = false
    const isAlive = (await visitor.session()).authenticated
    const back = await postLogout(gateway, token)

    assert.deepEqual([away.status, away.body.code, away.headers['cache-control']], [503, 'store_unavailable', 'no-store'])
    assert.match(String(away.headers['retry-after']), /^\d+$/)
    assert.deepEqual([isAlive, back.status, (await visitor.session()).authenticated], [true, 200, false])
  })

  for (const [place, reason] of [
    ['jwks', 'keys_invalid'],
    ['discovery', 'metadata_invalid'],
  ] as const) {
    it(`is 503 while nobody can say who signed the token (${place}), and it counts afterwards`, async t => {
      const gateway = await startGateway({ idp })
      t.after(gateway.close)
      const token = await idp.logoutToken()
      idp.troubles.set(place, 'error')

      const away = await postLogout(gateway, token)
      idp.troubles.clear()
      gateway.clock.advance(1_000)
      const back = await postLogout(gateway, token)

      assert.deepEqual([away.status, away.body.code, away.headers['cache-control']], [503, 'idp_unavailable', 'no-store'])
      assert.match(String(away.headers['retry-after']), /^\d+$/)
      assert.equal(gateway.lines.find(({ event }) => event === 'request_failed')?.reason, reason)
      assert.equal(back.status, 200)
    })
  }

  it('ends the session with the second try, wherever the first one broke off', async t => {
    const moments = await breakOffAt(t, -1)
    assert.deepEqual(
      moments.filter(moment => moment.startsWith('before ')).map(moment => moment.slice('before '.length)),
      ['putOnce', 'setMark', 'readIndex', 'readFamily', 'endFamily', 'removeFromIndex', 'removeFromIndex', 'takeOnce'],
    )
    for (const at of moments.keys()) await breakOffAt(t, at)
  })

  /** Has the store fail at the moment with that number; -1 for never. */
  async function breakOffAt(t: TestContext, failing: number): Promise<readonly string[]> {
    const moments: string[] = []
    let isWatching = false
    const store = hookedStore(memory(), async moment => {
      if (!isWatching) return
      moments.push(moment)
      if (moments.length - 1 === failing) throw new GatewayError('store_unavailable', 'a test')
    })
    const gateway = await startGateway({ idp, store })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const token = await idp.logoutToken({ claims: { sid: lastSid(idp) } })

    isWatching = true
    const first = await postLogout(gateway, token)
    isWatching = false
    const second = await postLogout(gateway, token)

    const where = moments[failing] ?? 'nowhere'
    // Off the indexes it comes in its own time; what is on them and gone is no session.
    const isUnnoticed = failing === -1 || where.endsWith('removeFromIndex')
    assert.equal(first.status, isUnnoticed ? 200 : 503, where)
    assert.equal(second.status, isUnnoticed || where === 'after takeOnce' ? 400 : 200, where)
    assert.equal((await visitor.session()).authenticated, false, where)
    return moments
  }
})

describe('the tokens of sessions that the provider ends', () => {
  let idp: IdentityProvider
  before(async () => {
    idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
  })
  after(() => idp.close())

  async function signInAndOut(t: TestContext, sealing: 'gateway' | 'holder') {
    const store = memory()
    const gateway = await startGateway({ idp, store, config: { session: sessionConfig({ sealing }) } })
    t.after(gateway.close)
    const visitor = createVisitor(gateway)
    await visitor.signIn(idp)
    const sessionId = String((await visitor.session()).session.session_id)
    const before = await store.readFamily(sessionId, '0')
    const refreshToken = [...idp.issued].reverse().find(token => !token.includes('.'))
    const already = idp.revocations.length

    const response = await postLogout(gateway, await idp.logoutToken({ claims: { sid: lastSid(idp) } }))

    assert.equal(response.status, 200)
    assert.ok(before.vault !== null)
    assert.equal((await store.readFamily(sessionId, '0')).vault, null)
    return { gateway, refreshToken, already }
  }

  it('BCL-10 are revoked at the provider where the gateway can open them', async t => {
    const { gateway, refreshToken, already } = await signInAndOut(t, 'gateway')

    await eventually(() => gateway.events().includes('revocation'))

    const [first] = idp.revocations.slice(already)
    assert.deepEqual([first?.token, first?.hint, first?.status], [refreshToken, 'refresh_token', 200])
    const line = gateway.audit.find(({ event }) => event === 'revocation')
    assert.deepEqual([line?.outcome, line?.sub], ['ok', 'a1'])
  })

  it('BCL-10 are destroyed where only the holder could open them', async t => {
    const { gateway, already } = await signInAndOut(t, 'holder')

    // Waits for what is being revoked.
    await gateway.close()

    assert.equal(idp.revocations.length, already)
  })
})
