import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createHome } from '../support/command-line.ts'
import { type Stage, startStage } from '../support/stage.ts'
import { createSurfer } from '../support/surfer.ts'

describe('the command line, where the gateway has an origin of its own for sign-ins and another base path', () => {
  let stage: Stage
  before(async () => {
    stage = await startStage({
      https: false,
      callbacks: gateway => [`${loginOrigin(gateway)}/bff/callback/demo`, `${gateway}/bff/callback/demo`],
      change: config => ({
        ...config,
        paths: { base: '/bff' },
        native: { ...config.native, origin: loginOrigin(config.origins[0] ?? '') },
      }),
    })
  })
  after(() => stage.close())

  it('is told of the applications alone, and finds the rest', async t => {
    const home = createHome(t)
    const login = home.start(['login', '--gateway', stage.gateway, '--json'], { env: home.names })
    const surfer = createSurfer()
    const at = await home.sentTo()
    const { username, password } = stage.people.alice
    const approval = await surfer.submit(await surfer.open(at), { username, password })
    await surfer.submit(await surfer.submit(approval, { decision: 'approve' }))

    const ran = await login.ended
    const [called, listed, out] = [
      await home.run(['curl', '-s', '/api/orders'], { env: home.names }),
      await home.run(['sessions', 'ls'], { env: home.names }),
      await home.run(['logout'], { env: home.names }),
    ]

    assert.equal(at.origin, loginOrigin(stage.gateway))
    assert.equal(ran.code, 0, ran.err)
    assert.equal(JSON.parse(ran.out).user.sub, 'alice')
    assert.equal(JSON.parse(called.out).token.sub, 'alice')
    assert.deepEqual([listed.code, out.code], [0, 0])
  })

  it('says that the address of sign-ins is not the one to give', async t => {
    const home = createHome(t)

    const ran = await home.run(['status', '--gateway', loginOrigin(stage.gateway)], { env: { ...home.names, SALLYPORT_TOKEN: 'spt_any' } })

    assert.equal(ran.code, 1)
    assert.match(ran.err, /is that the address of the applications, or only the one where people sign in\?/)
  })
})

/** Another name of this machine: cookies know no ports, so the origins must differ by more. */
function loginOrigin(gateway: string): string {
  return gateway.replace('localhost', 'login.localhost')
}
