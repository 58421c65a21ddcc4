// Where nobody read stderr any more, as after `2>&1 | head -1`, the first remark ended the command line with an uncaught
// error: a sign-in that had begun was left, and a handle of `run` that was to be revoked lived on. A full disk under stdout
// ended it with 1 and no word.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome, type Home } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

/** Gives a program a stderr whose other end is closed already; its exit code goes to stdout. */
function addDeaf(home: Home): string {
  return home.addProgram(
    'deaf',
    `#!/usr/bin/env node
const { spawn } = require('node:child_process')
const [program, ...args] = process.argv.slice(2)
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'pipe'] })
child.stderr.destroy()
process.on('SIGTERM', () => child.kill('SIGTERM'))
child.on('exit', code => process.exit(code))
`,
  )
}

describe('a command whose stderr nobody reads', () => {
  it('signs in all the same', async t => {
    const token = { access_token: 'spt_it', token_type: 'Bearer', expires_in: 60 }
    const [server, home] = [await startAuthorizationServer(t, { device: [[200, token]] }), createHome(t)]
    addDeaf(home)

    const ran = await home.run(['login', '--device', '--gateway', server.origin], { through: 'deaf' })

    assert.equal(ran.code, 0, ran.out)
    assert.equal((await home.run(['token'])).out, 'spt_it\n')
  })

  it('revokes what it was given', async t => {
    const { server, home } = await createSignedInHome(t)
    addDeaf(home)
    const answer = Promise.withResolvers<void>()
    server.script.tokenWaits = answer.promise
    const ran = home.start(['run', '--scope', 'orders.read', '--', 'true'], { through: 'deaf' })
    await eventually(() => server.calls.find(call => call.path === '/oauth/token'))

    ran.child.kill('SIGTERM')
    // Time for a remark; where there is none the end is the same.
    await home.run(['--version'])
    answer.resolve()

    await ran.ended
    assert.equal(server.calls.at(-1)?.form.get('token'), server.handles.at(-1))
  })
})

describe('a command whose stdout is full', () => {
  it('ends with 1, and says why', async t => {
    const { home } = await createSignedInHome(t)
    home.addProgram('full', 'exec "$@" > /dev/full')

    const ran = await home.run(['token'], { through: 'full' })

    assert.deepEqual([ran.code, ran.err], [1, 'sallyport: the answer cannot be written (ENOSPC)\n'])
  })
})
