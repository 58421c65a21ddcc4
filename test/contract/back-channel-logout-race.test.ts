import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { lastSid, postLogout } from '../support/back-channel.ts'
import { eventually } from '../support/eventually.ts'
import { makeClock, makeSecrets, startGateway, type TestGateway } from '../support/gateway.ts'
import { hookedStore } from '../support/hooked-store.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

// Two replicas over one store: the sign-in runs at one of them, the provider's logout comes to the other.

describe('a logout that arrives while the sign-in is under way', () => {
  let idp: IdentityProvider
  const running: TestGateway[] = []
  const idpJar = new Map<string, string>()
  let sid = ''
  before(async () => {
    idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
    // The browser is known to the provider, so that all its sign-ins belong to one session there.
    const gateway = await startGateway({ idp })
    await createVisitor(gateway).signIn(idp, { jar: idpJar })
    sid = lastSid(idp)
    await gateway.close()
  })
  after(() => idp.close())
  afterEach(async () => {
    idp.troubles.clear()
    await Promise.all(running.splice(0).map(gateway => gateway.close()))
  })

  const ways = () => ({ 'by sid': { sid, sub: undefined }, 'by sub': { sid: undefined, sub: 'a1' }, 'by both': { sid, sub: 'a1' } })

  async function start(onSignIn: (moment: string) => Promise<void>, onLogout: (moment: string) => Promise<void> = async () => undefined) {
    const store: Store = createMemoryStore({ now: Date.now })
    const begun: string[] = []
    const noting: Store = {
      ...store,
      createFamily: (familyId, ...rest) => {
        begun.push(familyId)
        return store.createFamily(familyId, ...rest)
      },
    }
    const shared = { idp, secrets: makeSecrets(), clock: makeClock() }
    const [here, there] = await Promise.all([
      startGateway({ ...shared, store: hookedStore(noting, onSignIn) }),
      startGateway({ ...shared, store: hookedStore(store, onLogout) }),
    ])
    running.push(here, there)
    const visitor = createVisitor(here)
    const callback = await visitor.begin(idp, { jar: idpJar })

    /** Nobody is signed in, and what was begun has ended, tokens and all. */
    async function checkOver(where: string): Promise<void> {
      assert.equal((await visitor.session()).authenticated, false, where)
      assert.ok(begun.length <= 1, where)
      for (const id of begun) {
        const { session, vault } = await store.readFamily(id, '0')
        assert.deepEqual([session?.startsWith('!'), vault], [true, null], where)
      }
    }
    return { here, there, visitor, callback, checkOver }
  }

  for (const way of ['by sid', 'by sub', 'by both'] as const) {
    it(`BCL-11 A-061 wins at every moment from the callback to the last answer (${way})`, async () => {
      const undisturbed = await signInAndLogOut(way, -1)
      assert.equal(undisturbed.isSignedIn, true)
      for (const verb of ['takeOnce', 'putOnce', 'createFamily', 'readMark', 'readIndex'])
        assert.ok(undisturbed.moments.includes(`before ${verb}`), verb)

      for (const at of undisturbed.moments.keys()) await signInAndLogOut(way, at)
    })

    it(`BCL-11 A-061 wins wherever a whole sign-in comes in between (${way})`, async () => {
      const moments = await logOutAndSignIn(way, -1)
      for (const at of moments.keys()) await logOutAndSignIn(way, at)
    })
  }

  it('BCL-11 A-061 wins while the provider’s answer is on its way', async () => {
    for (const [way, claims] of Object.entries(ways())) {
      const { there, visitor, callback, checkOver } = await start(async () => undefined)
      const release = idp.troubles.hold('token')
      const asked = idp.troubles.count('token')
      const finishing = visitor.finish(callback)
      await eventually(() => idp.troubles.count('token') > asked)

      assert.equal((await postLogout(there, await idp.logoutToken({ claims }))).status, 200)
      release()
      await finishing

      await checkOver(way)
    }
  })

  it('BCL-11 keeps nobody out who begins anew afterwards, in whichever browser', async () => {
    const { here, there, visitor, callback } = await start(async () => undefined)
    await postLogout(there, await idp.logoutToken({ claims: ways()['by sub'] }))
    const refused = await visitor.finish(callback)
    here.clock.advance(6_000)

    const second = createVisitor(there)
    await visitor.signIn(idp)
    await second.signIn(idp, { jar: idpJar })

    assert.deepEqual([refused.status, refused.headers['sallyport-error']], [401, 'session_revoked'])
    for (const one of [visitor, second]) assert.equal((await one.session()).authenticated, true)
    // Nor later, while the mark is still there.
    here.clock.advance(60_000)
    for (const one of [visitor, second]) assert.equal((await one.session()).authenticated, true)
  })

  /** Signs in, with a whole logout at the moment with that number; -1 for none. */
  async function signInAndLogOut(way: keyof ReturnType<typeof ways>, at: number) {
    const moments: string[] = []
    let isFinishing = false
    const world = await start(async moment => {
      if (!isFinishing) return
      moments.push(moment)
      if (moments.length - 1 !== at) return
      const { status } = await postLogout(world.there, await idp.logoutToken({ claims: ways()[way] }))
      assert.equal(status, 200)
    })
    isFinishing = true
    await world.visitor.finish(world.callback)
    isFinishing = false
    const isSignedIn = await isAlive(world.visitor)
    if (at !== -1) await world.checkOver(`${way}, ${moments[at]} (${at})`)
    return { moments, isSignedIn }
  }

  /** Logs out, with a whole sign-in at the moment with that number. */
  async function logOutAndSignIn(way: keyof ReturnType<typeof ways>, at: number): Promise<readonly string[]> {
    const moments: string[] = []
    const world = await start(
      async () => undefined,
      async moment => {
        moments.push(moment)
        if (moments.length - 1 === at) await world.visitor.finish(world.callback)
      },
    )
    const { status } = await postLogout(world.there, await idp.logoutToken({ claims: ways()[way] }))
    assert.equal(status, 200)
    await world.checkOver(`${way}, ${moments[at]} (${at})`)
    return moments
  }

  const isAlive = async (visitor: Visitor) => (await visitor.session()).authenticated === true
})
