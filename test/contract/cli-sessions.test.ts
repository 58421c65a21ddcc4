import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { type AdminPort, alice, makeSession, makeToken, startAdminPort, storeAway } from '../support/admin-port.ts'
import { makeCertificate } from '../support/certificate.ts'
import { projectRoot } from '../support/project-files.ts'

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

const minute = 60_000
const ofAlice = ['--provider', 'main', '--sub', 'alice']
const one = 'AAAAAAAAAAAAAAAAAAAAAA'

let admin: AdminPort
let folder = ''
const servers: Server[] = []

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-sessions-'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

beforeEach(async () => {
  admin = await startAdminPort()
})

afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections()
    server.close()
  }
  await admin.close()
})

/** Runs `sallyport sessions …` in this process, with the right token unless `env` says otherwise. */
async function sessions(args: readonly string[], env: NodeJS.ProcessEnv = { SALLYPORT_ADMIN_TOKEN: admin.token }): Promise<Ran> {
  const [out, err]: [string[], string[]] = [[], []]
  const code = await run(['sessions', ...args], {
    env,
    print: text => void out.push(`${text}\n`),
    remark: text => void err.push(`${text}\n`),
    strong: text => `<${text}>`,
  })
  return { code, out: out.join(''), err: err.join('') }
}

const ls = (...more: string[]) => sessions(['ls', '--admin', admin.url, ...ofAlice, ...more])
const revoke = (...more: string[]) => sessions(['revoke', '--admin', admin.url, ...more])

/** Something at an address that is not the admin port of a gateway. */
async function startOther(handler: RequestListener): Promise<string> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function write(name: string, text: string): string {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}

describe('sallyport sessions ls', () => {
  it('prints a table, delegated sessions under theirs', async () => {
    const used = (ago: number) => ({ touchedAt: Date.now() - ago })
    const child = makeSession({ sessionId: `${one}.1`, device: '', ...used(0) })
    admin.sessions.living = [
      makeSession({ sessionId: one, ...used(5.5 * minute), children: [child] }),
      makeSession({ sessionId: 'B'.repeat(22), device: 'Safari on macOS', address: '198.51.100.23', ...used(200 * minute) }),
      makeSession({ sessionId: 'C'.repeat(22), device: 'Edge', address: '2001:db8::7', ...used(50 * 60 * minute) }),
    ]

    const ran = await ls()

    assert.deepEqual(ran, {
      code: 0,
      out: [
        '<SESSION                     DEVICE            ADDRESS        LAST USE>',
        'AAAAAAAAAAAAAAAAAAAAAA      Firefox on Linux  192.0.2.7      5 min ago',
        '  AAAAAAAAAAAAAAAAAAAAAA.1                    192.0.2.7      just now',
        'BBBBBBBBBBBBBBBBBBBBBB      Safari on macOS   198.51.100.23  3 h ago',
        'CCCCCCCCCCCCCCCCCCCCCC      Edge              2001:db8::7    2 d ago',
        '',
      ].join('\n'),
      err: '',
    })
  })

  it('keeps to 80 columns, and cuts no id', async () => {
    const long = { device: 'A browser with a long name on a machine with a longer one', address: '2001:db8:85a3:1234:5678:8a2e:1370:7334' }
    const child = makeSession({ ...long, sessionId: `${one}.${'d'.repeat(22)}` })
    const lists = [[makeSession(long)], [makeSession({ ...long, children: [child] })], [makeSession({ ...long, device: '' })]]

    for (const living of lists) {
      admin.sessions.living = living
      const { out } = await ls()

      const lines = out.replaceAll(/[<>]/g, '').trimEnd().split('\n')
      for (const line of lines) assert.ok(line.length <= 80, line)
      for (const { sessionId } of [...living, ...living.flatMap(({ children }) => children)])
        assert.match(out, new RegExp(`^ *${sessionId} `, 'm'))
      assert.match(out, /2001:db8:85a3:/)
    }
  })

  it('lets nothing that a browser said of itself act on the terminal', async () => {
    admin.sessions.living = [makeSession({ device: '\x1b]0;owned\x07\x9b31mFirefox\r\n\u202egnp', address: '\x1b[2J' })]

    const { out } = await ls()

    assert.doesNotMatch(out.replaceAll('\n', ''), /[^\x20-\x7e…]/)
    assert.equal(out.trimEnd().split('\n').length, 2)
  })

  it('prints with --json what the gateway says', async () => {
    admin.sessions.living = [makeSession({ sessionId: one, children: [makeSession()] })]

    const ran = await ls('--json')

    const said = await fetch(`${admin.url}/admin/sessions?provider=main&sub=alice`, { headers: { authorization: `Bearer ${admin.token}` } })
    assert.deepEqual([ran.code, ran.err], [0, ''])
    assert.deepEqual(JSON.parse(ran.out), await said.json())
  })

  it('prints nothing where there is nothing, and says so beside it', async () => {
    const [people, programs] = [await ls(), await ls('--json')]

    assert.deepEqual(people, { code: 0, out: '', err: 'no sessions\n' })
    assert.deepEqual(JSON.parse(programs.out), { sessions: [] })
  })

  it('asks for the very user, whatever is in the name', async () => {
    const sub = 'auth0|a b+ü&sub=bob'
    admin.sessions.living = [makeSession({ sub, sessionId: one }), makeSession({ sub: 'bob' })]

    const { out } = await sessions(['ls', '--admin', `${admin.url}/`, '--provider=main', `--sub=${sub}`, '--json'])

    assert.deepEqual(
      JSON.parse(out).sessions.map((session: { session_id: string }) => session.session_id),
      [one],
    )
  })
})

describe('sallyport sessions revoke', () => {
  it('ends one session', async () => {
    const other = makeSession()
    admin.sessions.living = [makeSession({ sessionId: one }), other]

    const ran = await revoke(one)

    assert.deepEqual(ran, { code: 0, out: '1 session ended\n', err: '' })
    assert.deepEqual(admin.sessions.living, [other])
  })

  it('ends one whose id looks like an option', async () => {
    for (const id of [`-${'x'.repeat(21)}`, `--${'-'.repeat(20)}`, `-h${'_'.repeat(20)}.1`]) {
      for (const args of [
        [id, '--admin', admin.url],
        ['--admin', admin.url, id],
        ['--admin', admin.url, '--', id],
      ]) {
        admin.sessions.living = [makeSession({ sessionId: id })]

        const ran = await sessions(['revoke', ...args])

        assert.deepEqual([ran.code, admin.sessions.living], [0, []], ran.err)
      }
    }
  })

  it('takes no such id for the value of an option', async () => {
    const ran = await revoke('--provider', 'main', '--sub', `-${'x'.repeat(21)}`)

    assert.deepEqual([ran.code, ran.out], [2, ''])
    assert.equal(admin.sessions.asked, 0)
  })

  it('ends all sessions of a user, and says how many', async () => {
    const bobs = makeSession({ sub: 'bob' })
    admin.sessions.living = [makeSession(), bobs, makeSession()]

    const [first, second] = [await revoke(...ofAlice), await revoke(...ofAlice)]

    assert.deepEqual(first, { code: 0, out: '2 sessions ended\n', err: '' })
    assert.deepEqual(second, { code: 0, out: '0 sessions ended\n', err: '' })
    assert.deepEqual(admin.sessions.living, [bobs])
    assert.deepEqual(
      admin.audit.map(({ reason, sub }) => [reason, sub]),
      Array(2).fill(['end_sessions', alice.sub]),
    )
  })

  it('ends with 1 when there is no such session', async () => {
    for (const id of [one, '..', 'a/b', ''])
      assert.deepEqual(await revoke(id), {
        code: 1,
        out: '',
        err: 'sallyport: there is no session of this id, or it ended already (404 no_route)\n',
      })
  })
})

describe('sallyport sessions', () => {
  it('takes the token from a file, before the environment', async () => {
    const file = write('token', `${admin.token}\r\n`)

    const ran = await sessions(['ls', '--admin', admin.url, ...ofAlice, '--token-file', file], { SALLYPORT_ADMIN_TOKEN: makeToken() })

    assert.equal(ran.code, 0)
    assert.deepEqual([admin.audit[0]?.key_id, admin.audit[0]?.user_agent], ['ops', 'sallyport'])
  })

  it('ends with 3 when the token is not taken', async () => {
    const ran = await sessions(['revoke', '--admin', admin.url, one], { SALLYPORT_ADMIN_TOKEN: makeToken() })

    assert.deepEqual(ran, { code: 3, out: '', err: 'sallyport: the gateway does not take this token (401 not_signed_in)\n' })
  })

  it('ends with 3 when something in front refuses', async () => {
    const url = await startOther((_req, res) => res.writeHead(403).end('<h1>Forbidden</h1>'))

    const ran = await sessions(['ls', '--admin', url, ...ofAlice])

    assert.equal(ran.code, 3)
    assert.match(ran.err, /answers 403, and not as the admin port of a gateway does/)
  })

  it('ends with 1 when the gateway cannot do it, and says why', async () => {
    admin.sessions.failure = storeAway()

    const [listed, ended] = [await ls(), await revoke(one)]

    for (const ran of [listed, ended]) {
      assert.deepEqual([ran.code, ran.out], [1, ''])
      assert.match(ran.err, /^sallyport: Sessions cannot be checked at the moment\..* \(503 store_unavailable\)\n$/)
    }
  })

  it('ends with 1 at what is no admin port', async () => {
    const answers: readonly RequestListener[] = [
      (_req, res) => res.end('<h1>It works!</h1>'),
      (_req, res) => res.setHeader('content-type', 'application/json').end('{"sessions":7}'),
      (_req, res) => res.end('null'),
      (_req, res) => res.writeHead(404).end(),
      (_req, res) => res.writeHead(500, { 'sallyport-error': 'x\x9b31m' }).end('[]'),
    ]
    for (const answer of answers) {
      const url = await startOther(answer)
      for (const ran of [await sessions(['ls', '--admin', url, ...ofAlice]), await sessions(['revoke', '--admin', url, ...ofAlice])]) {
        assert.deepEqual([ran.code, ran.out], [1, ''])
        assert.match(ran.err, /^sallyport: [\x20-\x7e]+\n$/)
      }
    }
  })

  it('takes the token nowhere else', async () => {
    const seen: (string | undefined)[] = []
    const elsewhere = await startOther((req, res) => {
      seen.push(req.headers.authorization)
      res.end('{"sessions":[]}')
    })
    const url = await startOther((_req, res) => res.writeHead(307, { location: `${elsewhere}/admin/sessions` }).end())

    const ran = await sessions(['ls', '--admin', url, ...ofAlice])

    assert.deepEqual([ran.code, seen], [1, []])
  })

  it('ends with 6 when nobody is there, or breaks off', async () => {
    const cut = await startOther((_req, res) => {
      res.writeHead(200, { 'content-length': '100' })
      res.write('{', () => res.destroy())
    })
    const gone = await startOther(() => {})
    servers.pop()?.close()

    const [nobody, broken] = [await sessions(['ls', '--admin', gone, ...ofAlice]), await sessions(['ls', '--admin', cut, ...ofAlice])]

    assert.deepEqual(nobody, { code: 6, out: '', err: `sallyport: ${gone} cannot be reached (ECONNREFUSED)\n` })
    assert.deepEqual([broken.code, broken.out], [6, ''])
  })

  const good = ['--admin', 'http://127.0.0.1:9']
  const wrongCalls: readonly (readonly [string, string[], RegExp])[] = [
    ['no gateway', ['ls', ...ofAlice], /--provider is for administrators: give --admin URL/],
    ['a token that would travel in clear', ['ls', '--admin', 'http://gateway.test:9090', ...ofAlice], /--admin must be https; .*in clear/],
    ['a name that only looks like loopback', ['ls', '--admin', 'http://127.0.0.1.evil.test', ...ofAlice], /--admin must be https/],
    ['no URL', ['ls', '--admin', 'gateway', ...ofAlice], /--admin must be a URL/],
    ['more than an address', ['ls', '--admin', 'http://127.0.0.1:9/admin', ...ofAlice], /--admin is an address alone/],
    ['a password in the address', ['ls', '--admin', 'https://ops:secret@gateway.test', ...ofAlice], /--admin is an address alone/],
    ['nobody to list', ['ls', ...good], /whose sessions\?/],
    ['half a user to list', ['ls', ...good, '--sub', 'alice'], /a user is both/],
    ['half a user to end', ['revoke', ...good, '--provider', 'main'], /a user is both/],
    ['an empty sub', ['revoke', ...good, '--provider', 'main', '--sub', ''], /a user is both/],
    ['nothing to end', ['revoke', ...good], /which sessions\?/],
    ['one and a user', ['revoke', ...good, one, ...ofAlice], /which sessions\?/],
    ['two', ['revoke', ...good, one, one], /which sessions\?/],
    ['a token on the command line', ['ls', ...good, ...ofAlice, '--token', 'x'], /Unknown option '--token'/],
    [
      'a token file that is not there',
      ['ls', ...good, ...ofAlice, '--token-file', '/no/such/file'],
      /--token-file: the file .* does not exist/,
    ],
    ['no command', ['list'], /there is no command "sessions list"/],
  ]
  for (const [what, args, says] of wrongCalls) {
    it(`ends with 2, and sends nothing, for ${what}`, async () => {
      const ran = await sessions(args)

      assert.deepEqual([ran.code, ran.out], [2, ''])
      assert.match(ran.err, says)
    })
  }

  it('ends with 2 without a token, and for one that no header carries', async () => {
    for (const env of [{}, { SALLYPORT_ADMIN_TOKEN: '' }, { SALLYPORT_ADMIN_TOKEN: 'two words' }, { SALLYPORT_ADMIN_TOKEN: 'a\nb' }]) {
      const ran = await sessions(['ls', ...good, ...ofAlice], env)

      assert.equal(ran.code, 2)
      assert.match(ran.err, /token/)
    }
  })
})

describe('the program', () => {
  async function spawned(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
    const child = spawn(process.execPath, [join(projectRoot, 'src/cli/main.ts'), 'sessions', ...args], {
      env: { ...process.env, NODE_OPTIONS: '', SALLYPORT_ADMIN_TOKEN: admin.token, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const [out, err]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', chunk => out.push(chunk))
    child.stderr.on('data', chunk => err.push(chunk))
    const [code] = (await once(child, 'close')) as [number | null]
    return { code, out: Buffer.concat(out).toString(), err: Buffer.concat(err).toString() }
  }

  it('writes the table to stdout without colour, errors to stderr', async () => {
    admin.sessions.living = [makeSession({ sessionId: one })]

    const [listed, refused] = await Promise.all([
      spawned(['ls', '--admin', admin.url, ...ofAlice]),
      spawned(['ls', '--admin', admin.url, ...ofAlice], { SALLYPORT_ADMIN_TOKEN: makeToken() }),
    ])

    assert.deepEqual([listed.code, listed.err], [0, ''])
    assert.match(listed.out, new RegExp(`^SESSION .*\\n${one} `))
    assert.ok(!listed.out.includes('\x1b'))
    assert.deepEqual([refused.code, refused.out], [3, ''])
  })

  it('believes over https only who can prove it', async () => {
    const { cert, key } = makeCertificate()
    const server = createTlsServer({ cert, key }, (_req, res) => void res.end('{"sessions":[]}')).listen(0, '127.0.0.1')
    servers.push(server as unknown as Server)
    await once(server, 'listening')
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`

    const [stranger, known] = await Promise.all([
      spawned(['ls', '--admin', url, ...ofAlice]),
      spawned(['ls', '--admin', url, ...ofAlice], { NODE_EXTRA_CA_CERTS: write('ca.crt', cert) }),
    ])

    assert.equal(stranger.code, 6)
    assert.match(stranger.err, /cannot be reached \([A-Z_]*(CERT|SELF_SIGNED)[A-Z_]*\)/)
    assert.deepEqual(known, { code: 0, out: '', err: 'no sessions\n' })
  })
})
