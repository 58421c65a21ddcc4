// `run --scope "$SCOPES"` with an empty variable gave the command all that its person has: a parameter without a value
// counts as left out at the gateway. `login --no-wait` ended with 3 where the gateway gives codes to other clients alone,
// took an address for `--device`, and `--resume` passed over options in silence.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

describe('scopes that are none', () => {
  for (const scope of ['', ' ']) {
    it(`are refused, and not taken for all of them: "${scope}"`, async t => {
      const { server, home } = await createSignedInHome(t)

      const run = await home.run(['run', '--scope', scope, '--', 'true'])
      const login = await home.run(['login', '--json', '--scope', scope])

      assert.deepEqual([run.code, login.code, server.calls], [2, 2, []])
      assert.match(run.err, /--scope is empty/)
      assert.match(JSON.parse(login.out).message, /--scope is empty/)
    })
  }
})

describe('sallyport login --no-wait', () => {
  it('gives an address where this program may have no code', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    server.script.deviceAuthorization = [400, { error: 'unauthorized_client' }]

    const ran = await home.run(['login', '--no-wait', '--json', '--gateway', server.origin])

    assert.equal(ran.code, 0, ran.err)
    const { verification_uri: uri, user_code: code } = JSON.parse(ran.out)
    assert.deepEqual([new URL(uri).pathname, code], ['/oauth/authorize', undefined])
  })

  it('gives a code or nothing with --device', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    server.script.deviceAuthorization = [400, { error: 'unauthorized_client' }]
    const denied = await home.run(['login', '--no-wait', '--device', '--gateway', server.origin])
    server.script.metadata = { device_authorization_endpoint: undefined }
    const absent = await home.run(['login', '--no-wait', '--device', '--gateway', server.origin])

    assert.deepEqual([denied.code, absent.code], [3, 1])
    assert.match(absent.err, /offers no codes for other devices/)
  })
})

describe('sallyport login --resume', () => {
  for (const option of [
    ['--profile', 'work'],
    ['--gateway', 'https://app.example.test'],
    ['--scope', 'a'],
    ['--store', 'file'],
    ['--device'],
  ]) {
    it(`is called wrongly with ${option[0]}, which --no-wait has decided`, async t => {
      const ran = await createHome(t).run(['login', '--resume', '0123456789abcdef', ...option])

      assert.equal(ran.code, 2)
      assert.match(ran.err, new RegExp(`${option[0]} is for the sign-in that --no-wait begins: leave it out`))
    })
  }
})
