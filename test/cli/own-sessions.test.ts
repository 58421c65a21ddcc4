import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSignedInHome } from '../support/signed-in-home.ts'

const id = 'AAAAAAAAAAAAAAAAAAAAAA'
const session = { session_id: id, device: 'Firefox on Linux', address: '192.0.2.7', last_used_at: new Date().toISOString() }

describe('sallyport sessions, with the stored handle', () => {
  it("lists the person's own sessions, with their children", async t => {
    const { server, home, handle } = await createSignedInHome(t)
    server.script.sessions = [200, { sessions: [{ ...session, children: [{ ...session, session_id: `${id}.child` }] }] }]

    const [table, json] = [await home.run(['sessions', 'ls']), await home.run(['sessions', 'ls', '--json'])]

    assert.equal(table.code, 0)
    assert.match(table.out, new RegExp(`^SESSION .*\n${id} .*Firefox on Linux .*192\\.0\\.2\\.7.*\n {2}${id}\\.child`))
    assert.equal(JSON.parse(json.out).sessions.length, 1)
    assert.equal(server.calls[0]?.authorization, `Bearer ${handle}`)
  })

  it('ends one, whose id may begin with a dash', async t => {
    const { server, home } = await createSignedInHome(t)
    const dashed = `-${id.slice(1)}`
    server.script.sessions = [204, undefined]

    const ran = await home.run(['sessions', 'revoke', dashed])

    assert.deepEqual([ran.code, ran.out], [0, '1 session ended\n'])
    assert.equal(server.calls[0]?.path, `/auth/sessions/${dashed}`)
  })

  const refusals = [
    ['the handle has no scope for it', [403, { code: 'insufficient_scope' }], 3, /does not have the scope sessions: sign in with --scope/],
    ['the session has ended', [401, { code: 'invalid_handle' }], 4, /has ended: run sallyport login/],
    ['there is no such session', [404, { code: 'no_route' }], 1, /there is no session of this id, or it ended already/],
    ['the gateway has no store', [503, { code: 'store_unavailable' }], 6, /\(503 store_unavailable\)/],
  ] as const
  for (const [what, answer, code, sentence] of refusals) {
    it(`ends with ${code} when ${what}`, async t => {
      const { server, home } = await createSignedInHome(t)
      server.script.sessions = answer

      const ran = await home.run(['sessions', 'revoke', id])

      assert.equal(ran.code, code)
      assert.match(ran.err, sentence)
    })
  }

  it('asks for an id, and leaves the words of administrators to them', async t => {
    const { home } = await createSignedInHome(t)

    const [none, admin] = [await home.run(['sessions', 'revoke']), await home.run(['sessions', 'ls', '--sub', 'alice'])]

    assert.deepEqual([none.code, admin.code], [2, 2])
    assert.match(admin.err, /--sub is for administrators: give --admin URL as well/)
  })
})
