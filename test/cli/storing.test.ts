import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome, type Home } from '../support/command-line.ts'

const issued = [200, { access_token: 'spt_the-handle', token_type: 'Bearer', expires_in: 3600, scope: 'orders.read' }] as const

/** A `secret-tool` that keeps its items in files. @param refuse a line of sh, for what it does otherwise */
function addKeyring(home: Home, refuse = ''): string {
  const folder = join(home.folder, 'keyring')
  mkdirSync(folder, { recursive: true })
  home.addProgram(
    'secret-tool',
    `${refuse}
echo "$@" >> '${folder}/arguments'
for name; do :; done
case "$1" in
  store) cat > '${folder}/'"$name" ;;
  lookup) cat '${folder}/'"$name" 2>/dev/null || exit 1 ;;
  search) test -e '${folder}/'"$name" && echo '[/item]'; exit 0 ;;
  clear) rm -f '${folder}/'"$name" ;;
esac`,
  )
  return folder
}

const login = (home: Home, gateway: string, ...more: string[]) => home.run(['login', '--gateway', gateway, '--device', ...more])

describe('where sallyport login keeps the handle', () => {
  it('is the keychain where there is one; the handle is in none of its arguments, and in no file of ours (NHI-02)', async t => {
    const [server, home] = [await startAuthorizationServer(t, { device: [issued] }), createHome(t)]
    const keyring = addKeyring(home)

    const [signedIn, token, status] = [await login(home, server.origin, '--json'), await home.run(['token']), await home.run(['status'])]

    assert.equal(signedIn.code, 0, signedIn.err)
    assert.deepEqual([JSON.parse(signedIn.out).store, token.out], ['keychain', 'spt_the-handle\n'])
    assert.match(status.out, /^stored in Secret Service keyring$/m)
    const seen = readFileSync(join(keyring, 'arguments'), 'utf8')
    assert.ok(!seen.includes('spt_') && !seen.includes(Buffer.from('the-handle').toString('base64').slice(0, 10)))
    assert.ok(!readFileSync(join(home.folder, 'config/sallyport/profiles.json'), 'utf8').includes('spt_'))
  })

  it('ends with 7 before anybody has to sign in, where the keychain is locked', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    addKeyring(home, 'if [ "$1" = store ]; then echo "secret-tool: Cannot create an item in a locked collection" >&2; exit 1; fi')

    const ran = await login(home, server.origin, '--json')

    assert.equal(ran.code, 7)
    assert.match(ran.err, /the keyring is locked: unlock it, as by signing in to the desktop, or use --store file/)
    assert.equal(JSON.parse(ran.out).error, 'not_stored')
    assert.deepEqual(server.calls, [])
  })

  it('ends with 7 where the keychain was locked later: that is not the same as not being signed in', async t => {
    const [server, home] = [await startAuthorizationServer(t, { device: [issued] }), createHome(t)]
    addKeyring(home)
    await login(home, server.origin)
    addKeyring(home, 'if [ "$1" = lookup ]; then exit 1; fi')

    const ran = await home.run(['token'])

    assert.deepEqual([ran.code, ran.out], [7, ''])
    assert.match(ran.err, /the keyring is locked/)
  })

  it('ends with 7 where the keychain loses what it was given, and ends the session that nobody could use', async t => {
    const [server, home] = [await startAuthorizationServer(t, { device: [issued] }), createHome(t)]
    // The probe is kept; what comes after it is not.
    addKeyring(
      home,
      `if [ "$1" = lookup ] && [ -e '${home.folder}/keyring/probed' ]; then exit 1; fi; if [ "$1" = clear ]; then : > '${home.folder}/keyring/probed'; fi; if [ "$1" = search ]; then exit 0; fi`,
    )

    const ran = await login(home, server.origin)

    assert.equal(ran.code, 7)
    assert.match(ran.err, /did not keep what was written/)
    assert.equal(server.calls.find(call => call.path === '/oauth/revoke')?.form.get('token'), 'spt_the-handle')
  })

  it('is a file with --store file, and moves to the keychain and back', async t => {
    const [server, home] = [await startAuthorizationServer(t, { device: [issued, issued, issued] }), createHome(t)]
    const keyring = addKeyring(home)

    const stores: string[] = []
    for (const store of ['file', 'keychain', 'file']) {
      const ran = await login(home, server.origin, '--store', store, '--json')
      stores.push(JSON.parse(ran.out).store)
      assert.equal((await home.run(['token'])).out, 'spt_the-handle\n')
    }

    assert.deepEqual(stores, ['file', 'keychain', 'file'])
    assert.match(readFileSync(join(keyring, 'arguments'), 'utf8'), /^clear service sallyport account [0-9a-f]{32}$/m)
  })

  it('ends with 7 where no more can be written, before anybody has to sign in', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    home.addProgram('limited', 'ulimit -f 0; exec "$@"')

    const ran = await home.run(['login', '--gateway', server.origin], { through: 'limited' })

    assert.equal(ran.code, 7)
    assert.match(ran.err, /cannot be used: this user may write no more/)
    assert.deepEqual(server.calls, [])
  })

  it('ends with 7 where its folder is a file, or is somewhere else', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const state = join(home.folder, 'state')
    writeFileSync(state, '')
    const file = await login(home, server.origin)
    rmSync(state)
    mkdirSync(join(home.folder, 'elsewhere'))
    mkdirSync(join(state, 'sallyport'), { recursive: true })
    symlinkSync(join(home.folder, 'elsewhere'), join(state, 'sallyport/credentials'))
    const link = await login(home, server.origin)

    assert.deepEqual([file.code, link.code], [7, 7])
    assert.match(file.err, /there is a file in its place/)
    assert.match(link.err, /credentials is not a folder/)
  })

  it('ends with 7 where others may read what is stored', async t => {
    const [server, home] = [await startAuthorizationServer(t, { device: [issued] }), createHome(t)]
    await login(home, server.origin)
    const folder = join(home.folder, 'state/sallyport/credentials')
    const [name = ''] = readdirSync(folder)
    chmodSync(join(folder, name), 0o644)

    const ran = await home.run(['token'])

    assert.deepEqual([ran.code, ran.out], [7, ''])
    assert.match(ran.err, /others may read .+: chmod 600 it, or remove it/)
  })
})
