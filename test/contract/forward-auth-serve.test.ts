import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { questionOf } from '../support/forward-auth.ts'
import { projectRoot } from '../support/project-files.ts'
import { exchangeRaw } from '../support/raw-http.ts'

const secrets = makeEnv()
let folder = ''
let file = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-forward-auth-'))
  file = join(folder, 'gateway.yaml')
  const asked = base.replace('    upstream: http://web:3000\n', '').replace('    upstream: http://orders:8080\n', '')
  writeFileSync(file, `${asked}listen: { host: 127.0.0.1, port: 0 }\nforwardAuth: { port: 0, dialect: caddy }\n`)
})

after(() => {
  rmSync(folder, { recursive: true })
})

describe('sallyport serve, with forwardAuth', () => {
  it('WEB-10 answers questions on a port of their own, and none on the public one', async () => {
    const child = spawn(process.execPath, [join(projectRoot, 'src/cli/main.ts'), 'serve', '--config', file], {
      env: { ...process.env, ...secrets, NODE_OPTIONS: '' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 30_000,
    })
    const ports = await listening(child)
    const question = questionOf('caddy', { target: '/welcome' })

    const asked = await exchangeRaw(ports.get('forward_auth_listening') ?? 0, question)
    const elsewhere = await exchangeRaw(ports.get('listening') ?? 0, question)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    assert.deepEqual([asked.status, asked.header('authorization')], [200, ''])
    assert.deepEqual([elsewhere.status, elsewhere.header('sallyport-error')], [404, 'no_route'])
    assert.equal(code, 0)
  })
})

describe('sallyport config explain, of a route that a proxy serves', () => {
  it('says what the proxy is told, and nothing of an upstream', async () => {
    const out: string[] = []
    const print = (text: string) => void out.push(text)
    const terminal = { env: secrets, print, remark: print, strong: (text: string) => text }

    const codes = [await run(['config', 'explain', 'GET', '/api/orders', '--config', file], terminal)]
    codes.push(await run(['config', 'explain', 'GET', '/api/orders', '--json', '--config', file], terminal))

    assert.deepEqual(codes, [0, 0])
    assert.match(out[0] ?? '', /^ {2}sets {8}Authorization: Bearer, with the access token\n {14}Cookie, without ours$/m)
    assert.match(out[0] ?? '', /^ {2}upstream {4}none: a proxy asks by forward-auth and serves it/m)
    assert.doesNotMatch(out.join(''), /\.invalid|waits/)
    assert.equal(JSON.parse(out[1] ?? '').url, null)
  })
})

/** The ports of all that listens, once the public one does, which is the last. */
async function listening(child: ChildProcess): Promise<ReadonlyMap<string, number>> {
  const ports = new Map<string, number>()
  for await (const line of createInterface({ input: child.stdout ?? assert.fail('no stdout') })) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number }
    if (port !== undefined) ports.set(event, port)
    if (event === 'listening') break
  }
  return ports
}
