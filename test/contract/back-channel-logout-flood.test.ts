import assert from 'node:assert/strict'
import { Agent, request } from 'node:http'
import { after, before, describe, it } from 'node:test'
import { liesAboutLogouts } from '../idp/lies-about-logouts.ts'
import { lastSid, postLogout } from '../support/back-channel.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { type IdentityProvider, startIdentityProvider } from '../support/identity-provider.ts'
import { createVisitor, type Visitor } from '../support/visitor.ts'

const junkPosts = 10_000
const atOnce = 16

describe('junk at POST /auth/backchannel-logout/{provider}', () => {
  let idp: IdentityProvider
  let gateway: TestGateway
  let visitor: Visitor
  before(async () => {
    idp = await startIdentityProvider({ backChannelUri: 'http://127.0.0.1:9/nobody' })
    // Its clock moves by hand: what a minute lets through is then one number.
    const startedAt = Date.now()
    let aheadMs = 0
    const clock = {
      now: () => startedAt + aheadMs,
      advance(ms: number) {
        aheadMs += ms
      },
    }
    gateway = await startGateway({ idp, clock })
    visitor = createVisitor(gateway)
    await visitor.signIn(idp)
  })
  after(() => Promise.all([idp.close(), gateway.close()]))

  it('BCL-12 costs the provider one fetch of its keys, keeps nobody waiting, and keeps no good token out', async () => {
    const good = await idp.logoutToken({ claims: { sid: lastSid(idp) } })
    const junk = await makeJunk()
    const fetched = () => idp.troubles.count('jwks') + idp.troubles.count('discovery')
    const before = fetched()
    const statuses = new Map<number, number>()
    let isOver = false

    const flood = post(junk, statuses).finally(() => {
      isOver = true
    })
    let served = 0
    for (; !isOver; served += 1) assert.equal((await visitor.session()).authenticated, true)
    await flood

    // What a minute lets one address hear of it, and the rest.
    assert.deepEqual(Object.fromEntries(statuses), { 400: 60, 429: junkPosts - 60 })
    assert.equal(fetched() - before, 1)
    assert.ok(served > 10, `${served} other requests were answered meanwhile`)
    const late = await postLogout(gateway, junk[0] ?? '')
    assert.deepEqual([late.status, late.body.code, late.headers['cache-control']], [429, 'too_many_requests', 'no-store'])
    assert.match(String(late.headers['retry-after']), /^\d+$/)
    assert.equal((await postLogout(gateway, good)).status, 200)
    assert.equal((await visitor.session()).authenticated, false)
    gateway.clock.advance(60_000)
    assert.equal((await postLogout(gateway, junk[0] ?? '')).status, 400)
  })

  it('BCL-12 is counted, and good tokens are not: a provider may sign everybody out at once', async () => {
    for (let turn = 0; turn < 200; turn += 1) {
      const iat = Math.floor(gateway.clock.now() / 1000)
      const token = await idp.logoutToken({ claims: { iat, exp: iat + 120, sub: `person-${turn}`, sid: undefined } })
      assert.equal((await postLogout(gateway, token)).status, 200)
    }
    assert.equal((await postLogout(gateway, 'x')).status, 400)
  })

  /** Of every kind: no JWT, a lie at each check, keys that are not there. */
  async function makeJunk(): Promise<readonly string[]> {
    const kinds = ['it is no JWT', 'aud is another', 'it has a nonce', 'somebody else has signed it in the name of the key']
    const made = await Promise.all(
      kinds.map(kind => {
        const [, , make] = liesAboutLogouts.find(([, name]) => name === kind) ?? assert.fail(kind)
        return make(idp)
      }),
    )
    const strange = await Promise.all(Array.from({ length: 15 }, (_, at) => idp.logoutToken({ header: { kid: `strange-${at}` } })))
    return [...made, ...strange]
  }

  /** Some at a time, as fast as one attacker can. */
  async function post(tokens: readonly string[], statuses: Map<number, number>): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: atOnce })
    let sent = 0
    const worker = async () => {
      while (sent < junkPosts) {
        const status = await postOne(agent, tokens[sent++ % tokens.length] ?? '')
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    agent.destroy()
  }

  function postOne(agent: Agent, token: string): Promise<number> {
    const body = `logout_token=${token}`
    const headers = { host: gateway.host, 'content-type': 'application/x-www-form-urlencoded', 'content-length': String(body.length) }
    const options = { agent, host: '127.0.0.1', port: gateway.port, path: '/auth/backchannel-logout/main', method: 'POST', headers }
    return new Promise((resolve, reject) => {
      const call = request(options, response => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0))
      })
      call.once('error', reject)
      call.end(body)
    })
  }
})
