// Two `login --resume` of one sign-in, as of a program that had given up on the first but not ended it, both asked for the
// handle: the gateway takes the second for a thief, and ends what the first one was given. And a second `login` beside a
// first one told of 1970 where SALLYPORT_TOKEN was set.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { eventually } from '../support/eventually.ts'

const issued = [200, { access_token: 'spt_it', token_type: 'Bearer', expires_in: 3600 }] as const

describe('two processes that do one sign-in', () => {
  it('redeem its code once when both resume it, and both succeed', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const { login_id: id } = JSON.parse((await home.run(['login', '--no-wait', '--json', '--gateway', server.origin])).out)
    const first = home.start(['login', '--resume', id, '--json'])
    await eventually(() => server.calls.find(call => call.path === '/oauth/token'))

    const second = home.start(['login', '--resume', id, '--json'])
    await eventually(() => /Another sallyport login waits/.test(second.said()) || null)
    // What follows the handle is a replay.
    server.script.device = [issued, [400, { error: 'invalid_grant' }]]

    assert.deepEqual([(await first.ended).code, (await second.ended).code], [0, 0])
    assert.equal(server.script.device.length, 1)
    assert.equal((await home.run(['token'])).out, 'spt_it\n')
  })

  it('go on one after the other when the first that resumes it is cancelled', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const { login_id: id } = JSON.parse((await home.run(['login', '--no-wait', '--json', '--gateway', server.origin])).out)
    const first = home.start(['login', '--resume', id])
    await eventually(() => server.calls.find(call => call.path === '/oauth/token'))
    const second = home.start(['login', '--resume', id])
    await eventually(() => /Another sallyport login waits/.test(second.said()) || null)

    first.child.kill('SIGINT')
    server.script.device = [issued]

    assert.deepEqual([(await first.ended).code, (await second.ended).code], [130, 0])
  })

  it('are told of the same end, whatever SALLYPORT_TOKEN holds', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const first = home.start(['login', '--device', '--gateway', server.origin])
    await eventually(() => server.calls.find(call => call.path === '/oauth/token'))
    const second = home.start(['login', '--device', '--gateway', server.origin], { env: { SALLYPORT_TOKEN: 'spt_other' } })
    await eventually(() => /Another sallyport login waits/.test(second.said()) || null)

    server.script.device = [issued]

    assert.deepEqual([(await first.ended).code, (await second.ended).code], [0, 0])
    assert.doesNotMatch((await second.ended).out, /1970/)
    assert.match((await second.ended).out, /by the other process, until \d{4}-/)
  })
})
