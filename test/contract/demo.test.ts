import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { parse } from 'yaml'
import { makeSecrets, writeSecrets } from '../../src/demo/development-secrets.ts'
import { audience, demoPorts, describeGateway } from '../../src/demo/gateway-config.ts'
import { listenAt, type Running } from '../../src/demo/listening.ts'
import { startOrdersApi } from '../../src/demo/orders-api.ts'
import { createHome } from '../support/command-line.ts'

const anywhere = { host: '127.0.0.1', port: 0, spare: 0 }
const root = fileURLToPath(new URL('../../', import.meta.url))

describe('the demo API', () => {
  let issuer: Running
  let api: Running
  let keys: CryptoKeyPair
  let strangersKeys: CryptoKeyPair

  before(async () => {
    keys = await generateKeyPair('RS256')
    strangersKeys = await generateKeyPair('RS256')
    const jwks = { keys: [{ ...(await exportJWK(keys.publicKey)), alg: 'RS256', kid: 'k' }] }
    issuer = await listenAt(
      createServer((_req, res) => res.setHeader('content-type', 'application/json').end(JSON.stringify(jwks))),
      anywhere,
    )
    api = await startOrdersApi({ place: anywhere, issuer: issuer.origin, keySet: new URL('/jwks', issuer.origin), audience })
  })

  after(async () => {
    await Promise.all([api.close(), issuer.close()])
  })

  interface TokenChanges {
    readonly claims?: Readonly<Record<string, unknown>>
    readonly typ?: string
    readonly key?: CryptoKey
  }

  function makeToken({ claims = {}, typ = 'at+jwt', key = keys.privateKey }: TokenChanges = {}): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    const all = { iss: issuer.origin, aud: audience, sub: 'alice', scope: 'orders.read', iat: now, exp: now + 60, ...claims }
    return new SignJWT(all).setProtectedHeader({ alg: 'RS256', kid: 'k', typ }).sign(key)
  }

  async function call(token: string | null, init: RequestInit = {}): Promise<Response> {
    return fetch(`${api.origin}/api/orders`, { ...init, headers: token === null ? {} : { authorization: `Bearer ${token}` } })
  }

  it('answers a token that stands every check, and does not repeat it', async () => {
    const token = await makeToken()

    const response = await call(token)

    const body = await response.text()
    assert.equal(response.status, 200)
    assert.match(body, /"sub":"alice"/)
    assert.ok(!body.includes(token))
  })

  const refused: Readonly<Record<string, () => Promise<string | null>>> = {
    'no token': async () => null,
    'no JWT': async () => 'abc',
    "a stranger's signature": () => makeToken({ key: strangersKeys.privateKey }),
    'another issuer': () => makeToken({ claims: { iss: 'https://id.example' } }),
    'another audience': () => makeToken({ claims: { aud: 'https://other.example' } }),
    'an expired token': () => makeToken({ claims: { exp: 1000 } }),
    'an ID token': () => makeToken({ typ: 'JWT' }),
    'an unsigned token': async () => {
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
      return `${part({ alg: 'none', typ: 'at+jwt' })}.${part({ iss: issuer.origin, aud: audience, sub: 'alice', scope: 'orders.read', exp: 9e9 })}.`
    },
  }
  for (const [what, makeIt] of Object.entries(refused)) {
    it(`refuses ${what} with 401`, async () => {
      const response = await call(await makeIt())

      assert.equal(response.status, 401)
      assert.match(response.headers.get('www-authenticate') ?? '', /^Bearer/)
    })
  }

  it('refuses with 403 what the token has no scope for', async () => {
    const response = await call(await makeToken(), { method: 'POST', body: '{"item":"Lantern"}' })

    assert.equal(response.status, 403)
    assert.match(response.headers.get('www-authenticate') ?? '', /insufficient_scope/)
  })
})

describe('config/gateway.dev.yaml', () => {
  it('says what the demo says, with its secrets in files', async () => {
    const at = (port: number) => `http://127.0.0.1:${port}`
    const parts = {
      gateway: `http://localhost:${demoPorts.gateway}`,
      provider: at(demoPorts.provider),
      api: at(demoPorts.api),
      web: at(demoPorts.web),
    }

    const written = parse(await readFile(join(root, 'config/gateway.dev.yaml'), 'utf8')) as object

    const inFiles = { CLIENT_SECRET: '../.dev/client-secret', COOKIE_KEY: '../.dev/cookie-key', SEALING_KEY: '../.dev/sealing-key' }
    const expected = JSON.stringify(describeGateway(parts)).replace(
      /"env":"(\w+)"/g,
      (_, name: keyof typeof inFiles) => `"file":"${inFiles[name]}"`,
    )
    assert.deepEqual(written, JSON.parse(expected))
  })
})

describe('writeSecrets', () => {
  it('leaves files that only their owner can read, over older ones that others could', async t => {
    const folder = await mkdtemp(join(tmpdir(), 'sallyport-dev-'))
    t.after(() => rm(folder, { recursive: true }))
    writeSecrets(makeSecrets(), folder)
    const secrets = makeSecrets()

    writeSecrets(secrets, folder)

    const { mode } = await stat(join(folder, 'cookie-key'))
    assert.equal(mode & 0o777, 0o600)
    assert.equal((await readFile(join(folder, 'cookie-key'), 'utf8')).trim(), secrets.COOKIE_KEY)
  })
})

describe('npm run demo', () => {
  it('prints a command that signs in, as it stands there', async t => {
    const child = spawn(process.execPath, [join(root, 'src/demo/main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const lines: string[] = []
    for await (const line of createInterface(child.stdout)) if (lines.push(line) && line.includes('/api/orders')) break
    const [, printed = ''] = /npx node (src\/cli\/main\.ts login --gateway \S+)$/m.exec(lines.join('\n')) ?? []
    const home = createHome(t)

    const ran = await home.run(printed.split(' ').slice(1).concat('--no-wait', '--json'))

    assert.equal(printed.split(' ')[0], 'src/cli/main.ts')
    assert.equal(ran.code, 0, ran.err)
    assert.equal(JSON.parse(ran.out).verification_uri, `${lines[0]}/device`)
    const exited = once(child, 'exit')
    child.kill('SIGINT')
    await exited
  })

  it('prints its address first, serves there, and ends cleanly on Ctrl-C', async t => {
    const child = spawn(process.execPath, [join(root, 'src/demo/main.ts')], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => child.kill('SIGKILL'))
    const exited = once(child, 'exit')
    const died = exited.then(([code]) => assert.fail(`the demo ended with ${code}`))
    const [address] = await Promise.race([once(createInterface(child.stdout), 'line'), died])

    const page = await fetch(address)

    assert.match(address, /^http:\/\/localhost:80\d\d$/)
    assert.equal(page.status, 200)
    assert.match(await page.text(), /No token in this browser/)
    child.kill('SIGINT')
    assert.deepEqual(await exited, [0, null])
    await assert.rejects(died)
  })
})
