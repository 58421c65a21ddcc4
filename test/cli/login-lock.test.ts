import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { type LockDeps, type LockNote, type LoginLock, takeLock } from '../../src/cli/native/login-lock.ts'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { navigate } from '../support/navigate.ts'

const lifeMs = 60_000

function setUp(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-lock-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const world = { at: 1000, alive: true, start: '7' }
  const deps: LockDeps = { now: () => world.at, isAlive: () => world.alive, processStart: () => world.start }
  const take = () => takeLock(join(folder, 'lock'), lifeMs, deps)
  return { folder, world, take }
}

function assertTaken(found: LoginLock | LockNote): asserts found is LoginLock {
  assert.ok('release' in found, 'somebody else has the lock')
}

describe('the lock of a sign-in', () => {
  it('is one at a time, and tells those who wait what to do', t => {
    const { folder, take } = setUp(t)
    const first = take()
    assertTaken(first)

    first.tell('Open this')
    const second = take()
    first.release()

    assert.deepEqual('say' in second && [second.pid, second.say], [process.pid, 'Open this'])
    assertTaken(take())
    assert.deepEqual(readdirSync(folder), ['lock'])
  })

  const deaths: readonly [string, (world: { at: number; alive: boolean; start: string }) => void][] = [
    ['whose process is gone', world => (world.alive = false)],
    ['whose process id is another process by now', world => (world.start = '8')],
    ['that has had its time', world => (world.at += lifeMs)],
  ]
  for (const [what, happen] of deaths) {
    it(`is taken from one ${what}; that one can no more release it`, t => {
      const { world, take } = setUp(t)
      const first = take()
      assertTaken(first)
      happen(world)

      const second = take()
      assertTaken(second)
      world.alive = true
      first.tell('too late')
      first.release()

      const third = take()
      assert.ok('say' in third)
      assert.equal(third.say, '')
    })
  }

  it('is taken over from a file that is no lock', t => {
    const { folder, take } = setUp(t)
    writeFileSync(join(folder, 'lock'), 'half a lo')

    assertTaken(take())
  })

  it('lets four logins open one browser, and all of them succeed', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    home.addProgram('browser', `echo "$1" >> '${home.folder}/all' ; printf '%s\\n' "$1" > '${home.folder}/sent-to'`)
    const logins = [1, 2, 3, 4].map(() => home.start(['login', '--gateway', server.origin]))
    const at = await home.sentTo()
    await eventually(() => logins.filter(login => /Another sallyport login waits .*\n?.*Opening /s.test(login.said())).length === 3)

    const { redirectUri, params } = server.approve(at)
    await navigate(redirectUri, { form: params })

    const ran = await Promise.all(logins.map(login => login.ended))
    assert.deepEqual(
      ran.map(({ code }) => code),
      [0, 0, 0, 0],
    )
    assert.equal(server.calls.filter(call => call.path === '/oauth/par').length, 1)
    assert.equal(ran.filter(({ out }) => /by the other process/.test(out)).length, 3)
  })
})
