// While a keychain asked its person for a password, Ctrl-C ended `login` and `run` with 7 and a word about the keyring,
// and SIGTERM, or the end of --timeout, with nothing for up to a minute.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome, type Home } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

/** A keychain whose person is away. */
function addAsking(home: Home): () => Promise<unknown> {
  const asked = join(home.folder, 'asked')
  home.addProgram('secret-tool', `: > '${asked}'; exec sleep 60`)
  return () => eventually(() => existsSync(asked))
}

describe('a keychain that waits for its person', () => {
  for (const [name, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    for (const toAll of [false, true]) {
      it(`is left on ${name}${toAll ? ' of the terminal, which the keychain gets too' : ''}`, { timeout: 30_000 }, async t => {
        const [server, home] = [await startAuthorizationServer(t), createHome(t)]
        const asks = addAsking(home)
        const login = home.start(['login', '--json', '--gateway', server.origin])
        await asks()

        process.kill((login.child.pid ?? 0) * (toAll ? -1 : 1), name)

        const ran = await login.ended
        assert.equal(ran.code, code, ran.err)
        assert.equal(JSON.parse(ran.out).message, 'cancelled')
      })
    }
  }

  it('is left when the time is up', { timeout: 30_000 }, async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    addAsking(home)

    const ran = await home.run(['login', '--gateway', server.origin, '--timeout', '1s'])

    assert.equal(ran.code, 5, ran.err)
  })

  it('is left by run, which has nothing to revoke yet', { timeout: 30_000 }, async t => {
    const { server, home } = await createSignedInHome(t)
    const asks = addAsking(home)
    const run = home.start(['run', '--profile', 'unknown', '--gateway', server.origin, '--scope', 'orders.read', '--', 'true'])
    await asks()

    run.child.kill('SIGTERM')

    // As a program that a signal has ended.
    assert.equal((await run.ended).code, null)
    assert.equal(run.child.signalCode, 'SIGTERM')
  })
})
