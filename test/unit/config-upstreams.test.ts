import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { parse } from 'yaml'
import { compileConfig } from '../../src/config/compile.ts'
import type { RouteRule } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError } from '../../src/config/mistakes.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { makeCertificate } from '../support/certificate.ts'

const env = makeEnv()
let folder = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-upstreams-'))
  mkdirSync(join(folder, 'dist/app'), { recursive: true })
  writeFileSync(join(folder, 'dist/app/index.html'), '')
})

after(() => {
  rmSync(folder, { recursive: true })
})

/** The one route, compiled. */
function compile(upstream: unknown, more: Record<string, unknown> = {}, variables: Record<string, string> = {}): RouteRule {
  const routes = [{ path: '/', upstream, ...more }]
  const config = compileConfig({ ...(parse(base) as object), routes }, { env: { ...env, ...variables }, baseDir: folder })
  const [route] = config.routes
  assert.ok(route)
  return route
}

function messages(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(mistake => mistake.message)
  }
  return []
}

const at = (origin: string) => ({ name: origin, origin, socketPath: null })

describe('the upstream of a route', () => {
  it('is one address, a list, or a map of them: the same in every form', () => {
    const one = { kind: 'servers', addresses: [at('http://orders:8080')], tls: {} }
    const several = { kind: 'servers', addresses: [at('http://orders-1:8080'), at('https://orders-2')], tls: {} }
    const list = ['http://orders-1:8080', 'https://orders-2']

    assert.deepEqual(compile('http://orders:8080').upstream, one)
    assert.deepEqual(compile({ url: 'http://orders:8080' }).upstream, one)
    assert.deepEqual(compile(list).upstream, several)
    assert.deepEqual(compile({ url: list }).upstream, several)
  })

  it('comes from outside in every form, like any single value', () => {
    const one = { kind: 'servers', addresses: [at('http://orders:8080')], tls: {} }
    const variables = { ORDERS: 'http://orders:8080' }

    for (const upstream of [{ env: 'ORDERS' }, [{ env: 'ORDERS' }], { url: { env: 'ORDERS' } }, { url: [{ env: 'ORDERS' }] }])
      assert.deepEqual(compile(upstream, {}, variables).upstream, one, JSON.stringify(upstream))
    assert.match(messages(() => compile({ env: 'NO_SUCH' }))[0] ?? '', /NO_SUCH is not set/)
    assert.match(messages(() => compile({ env: 'ORDERS', url: 'x' }, {}, variables))[0] ?? '', /must be an origin|is not an option/)
  })

  it('is a socket, which is called localhost', () => {
    assert.deepEqual(compile('unix:/run/orders.sock').upstream, {
      kind: 'servers',
      addresses: [{ name: 'unix:/run/orders.sock', origin: 'http://localhost', socketPath: '/run/orders.sock' }],
      tls: {},
    })
  })

  it('has its own authority, our certificate for it, and the name to find', () => {
    const [theirs, ours] = [makeCertificate(['orders.internal']), makeCertificate(['sallyport'])]
    const tls = { ca: { env: 'CA' }, cert: { env: 'CERT' }, key: { env: 'KEY' }, serverName: 'orders.internal' }
    const variables = { CA: theirs.cert, CERT: ours.cert, KEY: ours.key }

    const { upstream } = compile({ url: 'https://10.0.0.7:8443', tls }, {}, variables)

    assert.ok(upstream.kind === 'servers')
    const { ca, cert, key, serverName } = upstream.tls
    assert.deepEqual(
      [ca, cert, key].map(String),
      [theirs.cert, ours.cert, ours.key].map(text => text.trimEnd()),
    )
    assert.equal(serverName, 'orders.internal')
  })

  it('PXY-09 has no certificate without its key, nor with the key of another', () => {
    const [ours, other] = [makeCertificate(['sallyport']), makeCertificate(['other'])]
    const variables = { CERT: ours.cert, KEY: ours.key, OTHER: other.key }
    const [cert, key] = [{ env: 'CERT' }, { env: 'KEY' }]
    const withTls = (tls: object) => messages(() => compile({ url: 'https://orders', tls }, {}, variables))

    assert.deepEqual(withTls({ cert, key }), [])
    assert.match(withTls({ cert })[0] ?? '', /needs key/)
    assert.match(withTls({ key })[0] ?? '', /needs cert/)
    assert.match(withTls({ cert, key: { env: 'OTHER' } })[0] ?? '', /is not the private key of routes\[0\]\.upstream\.tls\.cert/)
  })
})

describe('files as an upstream', () => {
  it('are found beside the file that names them, and take GET and HEAD', () => {
    const yaml = `${base}  - path: /app\n    upstream: { static: dist, fallback: app/index.html }\n`
    writeFileSync(join(folder, 'gateway.yaml'), yaml)

    const [, , route] = loadConfig([join(folder, 'gateway.yaml')], env).routes

    assert.deepEqual(route?.upstream, { kind: 'files', folder: join(folder, 'dist'), fallback: 'app/index.html' })
    assert.deepEqual(route.methods, ['GET', 'HEAD'])
  })

  it('keep the methods that are written, and need no fallback', () => {
    const route = compile({ static: join(folder, 'dist') }, { methods: ['GET'] })

    assert.deepEqual([route.upstream, route.methods], [{ kind: 'files', folder: join(folder, 'dist'), fallback: null }, ['GET']])
  })

  it('have no fallback that is a folder', () => {
    assert.match(messages(() => compile({ static: 'dist', fallback: 'app' }))[0] ?? '', /is not a file in the folder/)
  })
})
