// A keychain that was locked, or a file that others could read, counted as "not signed in" wherever the gateway was not
// the profile's; so did a credential that was cut off. `logout` then ended with 0, and the session lived on. Other files
// that could not be read ended the program with a stack, one broken sign-in that nobody came back to all later ones, and
// an empty HOME put the handle into the working directory.

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { herePlace, stateFolder } from '../../src/cli/native/folders.ts'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome, type Home } from '../support/command-line.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

const pendingId = '0123456789abcdef'

function fileIn(folder: string): string {
  return join(folder, readdirSync(folder)[0] ?? '')
}

const credentialOf = (home: Home) => fileIn(join(home.folder, 'state/sallyport/credentials'))

/** Signed in to a gateway that the profile, which has been used for another one since, does not name any more. */
async function createWanderer(t: TestContext) {
  const { server, home } = await createSignedInHome(t)
  const profiles = { default: { gateway: 'https://other.example.test', store: 'file' } }
  writeFileSync(join(home.folder, 'config/sallyport/profiles.json'), JSON.stringify({ profiles }))
  return { server, home, at: ['--gateway', server.origin] }
}

function writePending(home: Home, text: string, mode = 0o600): void {
  const folder = join(home.folder, 'state/sallyport/pending')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, pendingId), text, { mode })
}

describe('a credential that cannot be read', () => {
  for (const command of ['token', 'logout']) {
    it(`ends ${command} with 7 for a gateway that is not the profile's, where others may read it`, async t => {
      const { home, at } = await createWanderer(t)
      chmodSync(credentialOf(home), 0o644)

      const ran = await home.run([command, ...at])

      assert.equal(ran.code, 7, ran.out)
      assert.match(ran.err, /others may read .+: chmod 600 it/)
    })

    it(`ends ${command} with 7 for a gateway that is not the profile's, where the keychain is locked`, async t => {
      const { home, at } = await createWanderer(t)
      rmSync(credentialOf(home))
      home.addProgram('secret-tool', 'if [ "$1" = search ]; then echo "[/org/freedesktop/secrets/1]"; exit 0; fi; exit 1')

      const ran = await home.run([command, ...at])

      assert.equal(ran.code, 7, ran.out)
      assert.match(ran.err, /the keyring is locked/)
    })
  }

  it('is none where there is no keychain, and no file', async t => {
    const { home, at } = await createWanderer(t)
    rmSync(credentialOf(home))

    assert.equal((await home.run(['token', ...at])).code, 4)
  })

  it('ends with 7 when it was cut off, until the next sign-in', async t => {
    const { server, home } = await createSignedInHome(t)
    writeFileSync(credentialOf(home), 'eyJnYXRld2F5Ijoia')

    const [token, logout] = [await home.run(['token']), await home.run(['logout'])]
    server.script.device = [[200, { access_token: 'spt_another', token_type: 'Bearer', expires_in: 3600 }]]
    const login = await home.run(['login', '--device'])

    assert.deepEqual([token.code, logout.code, login.code], [7, 7, 0])
    assert.match(token.err, /is not whole: run sallyport login, which replaces it/)
  })

  it('is not waited for where a pipe stands in its place', async t => {
    const { home } = await createSignedInHome(t)
    const file = credentialOf(home)
    rmSync(file)
    execFileSync('mkfifo', ['-m', '600', file])

    const ran = await home.run(['token'])

    assert.equal(ran.code, 7)
    assert.match(ran.err, /is not a file/)
  })
})

describe('profiles that cannot be read', () => {
  it('end with 7 and a sentence', async t => {
    const home = createHome(t)
    mkdirSync(join(home.folder, 'config/sallyport/profiles.json'), { recursive: true })

    const ran = await home.run(['status', '--gateway', 'https://app.example.test'])

    assert.equal(ran.code, 7)
    assert.match(ran.err, /^sallyport: .+profiles\.json cannot be used: there is a folder in its place\n$/)
  })

  it('are asked where SALLYPORT_GATEWAY is empty', async t => {
    const { home, handle } = await createSignedInHome(t)

    assert.equal((await home.run(['token'], { env: { SALLYPORT_GATEWAY: '' } })).out, `${handle}\n`)
  })
})

describe('a sign-in under way that cannot be read', () => {
  for (const text of ['{"until":', '{}', 'null']) {
    it(`is no sign-in, and is in nobody's way: ${text}`, async t => {
      const [server, home] = [await startAuthorizationServer(t), createHome(t)]
      writePending(home, text)

      const resumed = await home.run(['login', '--resume', pendingId])
      const begun = await home.run(['login', '--no-wait', '--gateway', server.origin])

      assert.deepEqual([resumed.code, begun.code], [2, 0])
      assert.match(resumed.err, /there is no sign-in 0123456789abcdef under way/)
      assert.ok(!existsSync(join(home.folder, 'state/sallyport/pending', pendingId)))
    })
  }

  it('ends with 7 where others may read it', async t => {
    const home = createHome(t)
    writePending(home, '{}', 0o644)

    const ran = await home.run(['login', '--resume', pendingId])

    assert.equal(ran.code, 7)
    assert.match(ran.err, /^sallyport: others may read .+: chmod 600 it, or remove it\n$/)
  })
})

describe('an account without HOME', () => {
  for (const named of ['', 'relative']) {
    it(`keeps nothing in the working directory: HOME=${named}`, t => {
      const { HOME } = process.env
      t.after(() => {
        process.env.HOME = HOME
      })
      process.env.HOME = named

      assert.ok(isAbsolute(stateFolder(herePlace({}))))
    })
  }
})
