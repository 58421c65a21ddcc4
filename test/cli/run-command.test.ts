import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

const scope = ['--scope', 'orders.read']

describe('sallyport run', () => {
  it('gives the command a lesser handle of its own, and revokes that in the end', async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const ran = await home.run(['run', ...scope, '--ttl', '30m', '--', 'sh', '-c', 'echo "$SALLYPORT_TOKEN $SALLYPORT_GATEWAY"; exit 7'])

    const [child = ''] = server.handles
    const [exchange, revoke] = ['/oauth/token', '/oauth/revoke'].map(path => server.calls.find(call => call.path === path)?.form)
    assert.deepEqual([ran.code, ran.out], [7, `${child} ${server.origin}\n`])
    assert.equal(exchange?.get('grant_type'), 'urn:ietf:params:oauth:grant-type:token-exchange')
    assert.deepEqual([exchange?.get('subject_token'), exchange?.get('scope')], [handle, 'orders.read'])
    const details = [{ type: 'sallyport_delegation', name: 'sh', expires_in: 1800 }]
    assert.deepEqual(JSON.parse(exchange?.get('authorization_details') ?? ''), details)
    assert.equal(revoke?.get('token'), child)
  })

  it('holds it to calls, to a number of them, and to a name that lists can show', async t => {
    const { server, home } = await createSignedInHome(t)
    const limits = ['--route', 'GET /api/orders/*', '--route', 'POST /api/orders', '--max-calls', '200', '--name', '../night\tly']

    await home.run(['run', ...scope, ...limits, '--', 'true'])

    const exchange = server.calls.find(call => call.path === '/oauth/token')?.form
    assert.deepEqual(JSON.parse(exchange?.get('authorization_details') ?? ''), [
      {
        type: 'sallyport_delegation',
        name: 'night-ly',
        expires_in: 900,
        routes: ['GET /api/orders/*', 'POST /api/orders'],
        max_calls: 200,
      },
    ])
  })

  it('ends with 4 when the session behind it has ended, and with 3 when it may not hand that on', async t => {
    const { server, home } = await createSignedInHome(t)
    server.script.session = [401, {}]
    server.script.token = [400, { error: 'invalid_request', error_description: 'The subject token opens no session of this client.' }]
    const ended = await home.run(['run', ...scope, '--', 'true'])
    server.script.token = [400, { error: 'invalid_authorization_details', error_description: 'An agent hands on less than it has.' }]
    const wider = await home.run(['run', ...scope, '--', 'true'])

    assert.deepEqual([ended.code, wider.code], [4, 3])
    assert.match(ended.err, /has ended: run sallyport login/)
    assert.match(wider.err, /the gateway refused \(invalid_authorization_details\): An agent hands on less than it has\./)
  })

  it('leaves what follows -- to the command, its --help too', async t => {
    const { home } = await createSignedInHome(t)

    const ran = await home.run(['run', ...scope, '--', 'echo', '--help', '--json'])

    assert.deepEqual([ran.code, ran.out], [0, '--help --json\n'])
  })

  it('passes signals on, waits for the command, and then revokes', async t => {
    const { server, home } = await createSignedInHome(t)
    const ready = join(home.folder, 'ready')
    const running = home.start([
      'run',
      ...scope,
      '--',
      'sh',
      '-c',
      `trap 'exit 9' TERM; : > '${ready}'; for _ in $(seq 600); do sleep 0.05; done`,
    ])
    await eventually(() => existsSync(ready))

    running.child.kill('SIGTERM')

    assert.equal((await running.ended).code, 9)
    assert.ok(server.calls.some(call => call.path === '/oauth/revoke'))
  })

  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`ends with ${code} on ${signal} while the exchange is under way, revokes what it got, and begins nothing`, async t => {
      const { server, home } = await createSignedInHome(t)
      const exchange = Promise.withResolvers<void>()
      server.script.tokenWaits = exchange.promise
      const running = home.start(['run', ...scope, '--', 'touch', join(home.folder, 'begun')])
      await eventually(() => server.handles.length === 1)

      running.child.kill(signal)
      await eventually(() => /cancelled: waits for the gateway to say which handle to revoke/.test(running.said()))
      exchange.resolve()

      const ran = await running.ended
      assert.equal(ran.code, code, ran.err)
      assert.deepEqual(
        server.calls.filter(call => call.path === '/oauth/revoke').map(call => call.form.get('token')),
        [...server.handles],
      )
      assert.equal(existsSync(join(home.folder, 'begun')), false)
    })
  }

  it('ends with 128 and the number of the signal that ended the command', async t => {
    const { home } = await createSignedInHome(t)

    const ran = await home.run(['run', ...scope, '--', 'sh', '-c', 'kill -KILL $$'])

    assert.equal(ran.code, 137)
  })

  it('revokes the handle of a command that could not be run, and ends as a shell does', async t => {
    const { server, home } = await createSignedInHome(t)

    const ran = await home.run(['run', ...scope, '--', 'no-such-program'])

    assert.equal(ran.code, 127)
    assert.ok(server.calls.some(call => call.path === '/oauth/revoke'))
  })

  it('says when the handle could not be revoked, and still ends as the command did', async t => {
    const { home } = await createSignedInHome(t, { script: { revoke: [503, {}] } })

    const ran = await home.run(['run', ...scope, '--', 'true'])

    assert.equal(ran.code, 0)
    assert.match(ran.err, /the command's handle could not be revoked, and lives for 15m at most/)
  })

  it('ends with 3 where the gateway does not let it delegate', async t => {
    const { server, home } = await createSignedInHome(t)
    server.script.token = [400, { error: 'unauthorized_client' }]

    const ran = await home.run(['run', ...scope, '--', 'true'])

    assert.equal(ran.code, 3)
  })

  it('asks for a command, scopes and a duration', async t => {
    const { home } = await createSignedInHome(t)
    const calls = [
      [['run', ...scope], /which command\? Give it after --/],
      [['run', '--', 'true'], /what may the command do\? Give --scope/],
      [['run', ...scope, '--ttl', '5', '--', 'true'], /--ttl is a duration/],
      [['run', ...scope, '--ttl', '9h', '--', 'true'], /--ttl is a duration from 1s to 8h/],
      [['run', ...scope, '--max-calls', '0', '--', 'true'], /--max-calls is a whole number from 1/],
    ] as const

    for (const [args, sentence] of calls) {
      const ran = await home.run(args)
      assert.equal(ran.code, 2)
      assert.match(ran.err, sentence)
    }
  })
})
