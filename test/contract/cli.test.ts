import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { decodeSealingKey } from '../../src/config/key-strength.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { projectRoot } from '../support/project-files.ts'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const nativeCommands = ['login', 'logout', 'status', 'token', 'curl', 'run', 'exec-credential']
const program = join(projectRoot, 'src/cli/main.ts')
const shop = join(projectRoot, 'test/data/config/shop.yaml')
const secrets = makeEnv()
let folder = ''
let good = ''
let wrong = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-cli-'))
  good = write('good.yaml', base)
  wrong = write('wrong.yaml', base.replace('allow: everyone', 'allow: everybody').replace('env: COOKIE_KEY', 'env: SHORT_KEY'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

/** Runs a command line in this process. */
async function sallyport(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await run(args, {
    env: { ...secrets, ...env },
    print: text => void out.push(`${text}\n`),
    remark: text => void err.push(`${text}\n`),
    strong: text => text,
  })
  return { code, out: out.join(''), err: err.join('') }
}

/** Runs the program as a shell would, its output into pipes. */
async function spawnSallyport(
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; nodeArgs?: readonly string[] } = {},
): Promise<Ran> {
  const env = { ...process.env, ...secrets, NODE_OPTIONS: '', SALLYPORT_CONFIG: '', ...options.env }
  const child = spawn(process.execPath, [...(options.nodeArgs ?? []), program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const [out, err]: [Buffer[], Buffer[]] = [[], []]
  child.stdout.on('data', chunk => out.push(chunk))
  child.stderr.on('data', chunk => err.push(chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
}

describe('sallyport config check', () => {
  it('says ok on stdout, and nothing else', async () => {
    const ran = await sallyport(['config', 'check', '--config', good])

    assert.deepEqual(ran, { code: 0, out: 'ok: 1 origin, 1 identity provider, 2 routes\n', err: '' })
  })

  it('OPS-01 says every mistake on stderr with its line, and ends with 2', async () => {
    const ran = await sallyport(['config', 'check', '--config', wrong])

    assert.equal(ran.code, 2)
    assert.equal(ran.out, '')
    assert.match(ran.err, /^the configuration has 2 mistakes:$/m)
    assert.match(ran.err, /wrong\.yaml:9:5 identityProviders\.main\.allow: must be everyone, or a map of rules/)
    assert.match(ran.err, /wrong\.yaml:14:7 session\.cookieKeys\[0\]: is shorter than 32 bytes/)
    assert.ok(!ran.err.includes(secrets.SHORT_KEY ?? ''))
  })

  it('says the same as JSON on stdout', async () => {
    const [accepted, refused] = await Promise.all([
      sallyport(['config', 'check', '--json', '--config', good]),
      sallyport(['config', 'check', '--json', '--config', wrong]),
    ])

    assert.deepEqual(JSON.parse(accepted.out), { ok: true, files: [good], origins: 1, identityProviders: 1, routes: 2 })
    const answer = JSON.parse(refused.out)
    assert.equal(refused.code, 2)
    assert.equal(refused.err, '')
    assert.equal(answer.ok, false)
    assert.deepEqual(answer.mistakes[1], {
      file: wrong,
      line: 14,
      column: 7,
      path: 'session.cookieKeys[0]',
      message: 'is shorter than 32 bytes: make one with sallyport keys generate',
    })
  })

  it('takes several files, from SALLYPORT_CONFIG too', async () => {
    const over = write('over.yaml', 'routes: [{ path: /only, upstream: http://only:1 }]\n')

    const [given, named] = await Promise.all([
      sallyport(['config', 'check', '--config', good, '--config', over]),
      sallyport(['config', 'check'], { SALLYPORT_CONFIG: [good, over].join(delimiter) }),
    ])

    assert.match(given.out, / 1 route\n$/)
    assert.deepEqual(named, given)
  })

  it('asks for a configuration when there is none', async () => {
    const ran = await sallyport(['config', 'check'])

    assert.equal(ran.code, 2)
    assert.match(ran.err, /Give --config FILE, or set SALLYPORT_CONFIG/)
  })

  it('MSG-07 META-03 refuses what a start would refuse', async () => {
    const args = ['config', 'check', '--config', good]

    const [lenient, unverified] = await Promise.all([
      spawnSallyport(args, { nodeArgs: ['--insecure-http-parser'] }),
      sallyport(args, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }),
    ])

    assert.deepEqual([lenient.code, unverified.code], [2, 2])
    assert.match(lenient.err, /--insecure-http-parser lets requests be read in two ways/)
    assert.match(unverified.err, /NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of certificates/)
  })
})

describe('sallyport config schema', () => {
  it('prints what config/gateway.schema.json holds', async () => {
    const ran = await sallyport(['config', 'schema'])

    assert.equal(ran.code, 0)
    assert.equal(ran.out, readFileSync(join(projectRoot, 'config/gateway.schema.json'), 'utf8'))
  })
})

describe('sallyport config explain', () => {
  const explain = (...args: string[]) => sallyport(['config', 'explain', ...args, '--config', shop])

  it('says everything that will happen to a request', async () => {
    const ran = await explain('GET', '/api/orders/7?full=1')

    assert.equal(ran.code, 0)
    for (const line of [
      'GET /api/orders/7?full=1 on https://app.example.test',
      '  route       routes[0] /api/orders (api)',
      '  access      signed-in: without a session 401 not_signed_in',
      '  needs       scopes orders.read, else 403 insufficient_scope',
      '              claim groups: ops or admin, else 403 claim_missing',
      '              a sign-in at most 15m ago, else 401 step_up_required',
      '  cross-site  with our session cookie, Sec-Fetch-Site must be same-origin or none',
      '  token       the access token, renewed before it runs out',
      '              X-Auth-User, from the claim sub',
      '              X-Api-Key, fixed',
      '  waits       connect 2s, headers 5m, idle 1m',
      '  upstream    http://orders:8080/api/orders/7?full=1',
    ]) {
      assert.ok(ran.out.split('\n').includes(line), `${line}\n\n${ran.out}`)
    }
  })

  it('says for whom a token is', async () => {
    const { out } = await explain('GET', '/api/invoices')

    const lines = out.split('\n')
    assert.ok(
      lines.includes('  token       an access token for https://invoices.example.test with orders.read, renewed before it runs out'),
      out,
    )
    assert.ok(
      lines.includes('  sets        Authorization: Bearer, with an access token for https://invoices.example.test with orders.read'),
      out,
    )
  })

  it('NHI-02 shows no secret, neither as text nor as JSON', async () => {
    const ran = await Promise.all([explain('GET', '/api/orders'), explain('GET', '/api/orders', '--json')])

    for (const { code, out } of ran) {
      assert.equal(code, 0)
      for (const name of ['CLIENT_SECRET', 'COOKIE_KEY', 'SEALING_KEY', 'ORDERS_API_KEY']) assert.ok(!out.includes(secrets[name] ?? name))
    }
  })

  it('tells programs the same', async () => {
    const ran = await explain('get', '/', '--origin', 'https://admin.example.test', '--json')

    const answer = JSON.parse(ran.out)
    assert.equal(answer.method, 'GET')
    assert.equal(answer.origin, 'https://admin.example.test')
    assert.equal(answer.outcome, 'forwarded')
    assert.equal(answer.position, 3)
    assert.equal(answer.withoutSession, 'sign_in')
    assert.equal(answer.route.path, '/')
    assert.deepEqual(answer.urls, ['http://admin:3000/'])
  })

  const refusals = [
    ['PXY-07 a path without a route', ['GET', '/nowhere'], '404 no_route'],
    ['PXY-05 a method that does not pass', ['DELETE', '/api/orders'], '405 method_not_allowed'],
    ['an ambiguous path', ['GET', '/api/orders/../admin'], '400 ambiguous_path (dot_segment)'],
    ['an encoded slash', ['GET', '/api/orders/a%2Fb'], '400 ambiguous_path (encoded_slash)'],
  ] as const
  for (const [what, request, says] of refusals) {
    it(`says that ${what} is refused, and how`, async () => {
      const ran = await explain(...request)

      assert.equal(ran.code, 0)
      assert.ok(ran.out.includes(`  refused     ${says}: `), ran.out)
    })
  }

  it('knows the paths that the gateway answers itself', async () => {
    const ran = await explain('POST', '/auth/logout')

    const keys = await explain('GET', '/.well-known/sallyport-jwks.json')

    assert.match(ran.out, / {2}answered by the gateway's own endpoints under \/auth/)
    assert.match(keys.out, / {2}answered by the gateway, with the keys of X-Auth-Assertion/)
  })

  it('asks for a request, and for an origin that is configured', async () => {
    const [nothing, stranger] = await Promise.all([explain('GET'), explain('GET', '/', '--origin', 'https://evil.test')])

    assert.deepEqual([nothing.code, stranger.code], [2, 2])
    assert.match(nothing.err, /sallyport config explain METHOD PATH/)
    assert.match(stranger.err, /--origin is one of https:\/\/app\.example\.test, https:\/\/admin\.example\.test/)
  })
})

describe('sallyport keys generate', () => {
  it('prints a fresh key on stdout, and on stderr where it goes', async () => {
    const [first, second] = await Promise.all([sallyport(['keys', 'generate']), sallyport(['keys', 'generate', '--kind', 'sealing'])])

    assert.match(first.out, /^[A-Za-z0-9_-]{43}\n$/)
    assert.notEqual(first.out, second.out)
    assert.match(first.err, /session\.cookieKeys/)
    assert.match(second.err, /session\.sealingKeys/)
    assert.ok('key' in decodeSealingKey(second.out.trim()))
  })

  it('makes keys that the gateway takes', async () => {
    const [cookie, sealing, admin, assertion] = await Promise.all([
      sallyport(['keys', 'generate', '--json']),
      sallyport(['keys', 'generate', '--kind=sealing', '--json']),
      sallyport(['keys', 'generate', '--kind=admin', '--json']),
      sallyport(['keys', 'generate', '--kind=assertion']),
    ])

    write('assertion-key.pem', assertion.out)
    const sections = ['admin: { tokens: [{ id: ops, env: ADMIN_TOKEN }] }', 'assertionKeys: [{ id: a1, file: assertion-key.pem }]']
    const over = write('more-keys.yaml', `${sections.join('\n')}\n`)
    const env = { COOKIE_KEY: JSON.parse(cookie.out).key, SEALING_KEY: JSON.parse(sealing.out).key, ADMIN_TOKEN: JSON.parse(admin.out).key }
    const ran = await sallyport(['config', 'check', '--config', good, '--config', over], env)

    assert.deepEqual(
      [cookie, sealing, admin].map(({ out }) => JSON.parse(out).kind),
      ['cookie', 'sealing', 'admin'],
    )
    assert.equal(ran.code, 0, ran.err)
    assert.match(assertion.err, /assertionKeys/)
  })

  it('knows no other kind', async () => {
    const ran = await sallyport(['keys', 'generate', '--kind', 'api'])

    assert.deepEqual(ran, { code: 2, out: '', err: 'sallyport: --kind is cookie, sealing, admin or assertion\n' })
  })

  it('starts without the schema, Express and the OpenID client', async () => {
    const loaded = await modulesOf(['keys', 'generate'])

    assert.deepEqual(
      loaded.filter(name => /node_modules/.test(name)),
      [],
    )
  })
})

describe('sallyport', () => {
  it('starts its config commands without Express, Redis and the OpenID client', async () => {
    const loaded = await modulesOf(['config', 'explain', 'GET', '/', '--config', good])

    assert.ok(loaded.some(name => /node_modules\/zod\//.test(name)))
    assert.deepEqual(
      loaded.filter(name =>
        /node_modules\/(express|express-session|redis|openid-client|undici|pino)\/|src\/(oidc|auth|store|session)\//.test(name),
      ),
      [],
    )
  })

  it('says its version, and how it is used', async () => {
    const [version, help, group, one] = await Promise.all([
      sallyport(['--version']),
      sallyport(['--help']),
      sallyport(['config', '--help']),
      sallyport(['config', 'explain', '--help']),
    ])

    const manifest = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as { version: string }
    assert.deepEqual(version, { code: 0, out: `${manifest.version}\n`, err: '' })
    for (const command of [
      'serve',
      'demo',
      'config check',
      'config schema',
      'config explain',
      'keys generate',
      'sessions ls',
      'sessions revoke',
      ...nativeCommands,
    ])
      assert.match(help.out, new RegExp(`^  ${command} `, 'm'))
    assert.match(group.out, /config check.*config schema.*config explain/s)
    assert.match(one.out, /^Usage: sallyport config explain METHOD PATH/)
    assert.deepEqual([help.code, group.code, one.code], [0, 0, 0])
  })

  it('helps with every command', async () => {
    for (const command of ['serve', 'demo', 'keys generate', 'config schema', 'sessions ls', 'sessions revoke', ...nativeCommands]) {
      const ran = await sallyport([...command.split(' '), '--help'])

      assert.equal(ran.code, 0)
      assert.match(ran.out, new RegExp(`^Usage: sallyport ${command}`))
    }
  })

  it('says what it did not understand, and ends with 2', async () => {
    const calls = [[], ['frobnicate'], ['config'], ['config', 'chek'], ['config', 'check', '--confg', good], ['keys', 'generate', 'now']]

    for (const call of calls) {
      const ran = await sallyport(call)

      assert.equal(ran.code, 2, call.join(' '))
      assert.equal(ran.out, '')
      assert.match(ran.err, /^sallyport: /)
    }
  })

  it('OPS-01 does not serve a configuration that it refuses', async () => {
    const ran = await spawnSallyport(['serve', '--config', wrong])

    assert.equal(ran.code, 2)
    assert.equal(ran.out, '')
    assert.match(ran.err, /the configuration has 2 mistakes/)
  })

  it('writes results to stdout, the rest to stderr, and no colour into a pipe', async () => {
    const [explained, refused] = await Promise.all([
      spawnSallyport(['config', 'explain', 'GET', '/', '--config', good]),
      spawnSallyport(['config', 'check', '--config', wrong]),
    ])

    assert.deepEqual([explained.code, explained.err], [0, ''])
    assert.match(explained.out, /^GET \/ on https:\/\/app\.example\.test\n/)
    assert.deepEqual([refused.code, refused.out], [2, ''])
    assert.match(refused.err, /^the configuration has 2 mistakes:\n/)
    assert.ok(![explained.out, refused.err].join('').includes('\x1b'))
  })
})

/** The modules that a command loads, as Node's own loader names them. */
async function modulesOf(args: readonly string[]): Promise<string[]> {
  const spy = write(
    'spy.mjs',
    `import { registerHooks } from 'node:module'\nregisterHooks({ load(url, context, next) { process.stderr.write(\`module \${url}\\n\`); return next(url, context) } })\n`,
  )
  const ran = await spawnSallyport(args, { nodeArgs: ['--import', spy] })
  assert.equal(ran.code, 0, ran.err)
  return [...ran.err.matchAll(/^module (file:.*)$/gm)].map(([, url = '']) => url)
}
