import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import type { ConfigPath } from '../../src/config/mistakes.ts'
import { parseSource } from '../../src/config/yaml-source.ts'
import { configPages, listOptions } from '../../tools/config-pages.ts'
import { makeAssertionKey } from '../support/assertions.ts'
import { makeCertificate } from '../support/certificate.ts'
import { projectRoot } from '../support/project-files.ts'

const exampleFile = join(projectRoot, 'config/gateway.example.yaml')
const example = readFileSync(exampleFile, 'utf8')
// Also what can only stand in place of something else, and is commented out.
const everything = example.replace(/^( {4})# ( *\w+:)/gm, '$1$2')

describe('config/gateway.example.yaml', () => {
  let folder = ''

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-example-'))
    mkdirSync(join(folder, 'secrets'))
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist/index.html'), '<title>docs</title>')
    const { cert, key } = makeCertificate(['app.example.com', 'admin.example.com'])
    const client = makeCertificate(['sallyport'])
    const files = {
      'tls.crt': cert,
      'tls.key': key,
      'ca.crt': cert,
      'client-secret': makeKey(),
      'partner-key.pem': generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }),
      'assertion-key.pem': makeAssertionKey(),
      'client.crt': client.cert,
      'client.key': client.key,
      'cookie-key': makeKey(),
      'sealing-key-2': makeKey(),
      'admin-token': makeKey(),
      'redis-password': makeKey(),
      'sentinel-password': makeKey(),
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'secrets', name), `${text}\n`)
    copyFileSync(exampleFile, join(folder, 'gateway.yaml'))
  })

  after(() => {
    rmSync(folder, { recursive: true })
  })

  it('is accepted', () => {
    const env = {
      REDIS_URL: `rediss://default:${makeKey()}@redis:6379`,
      SEALING_KEY_1: makeKey(),
      ORDERS_API_KEY: makeKey(),
      HELPDESK_TOKEN: makeKey(),
      ASSERTION_KEY_2: makeAssertionKey(),
    }

    const config = loadConfig([join(folder, 'gateway.yaml')], env)

    assert.equal(config.routes.length, 6)
    assert.deepEqual(config.routes[1]?.upstream, { kind: 'files', folder: join(folder, 'dist'), fallback: 'index.html' })
    assert.equal(config.routes[0]?.setHeaders['X-Api-Key'], env.ORDERS_API_KEY)
    assert.match(config.listen.tls?.cert.toString() ?? '', /BEGIN CERTIFICATE/)
    assert.deepEqual(
      config.identityProviders.map(({ clientAuth }) => clientAuth.method),
      ['client_secret_basic', 'private_key_jwt', 'tls_client_auth', 'client_assertion'],
    )
  })

  it('is accepted with a cluster and with sentinels in place of one Redis', () => {
    const env = { SEALING_KEY_1: makeKey(), ORDERS_API_KEY: makeKey(), HELPDESK_TOKEN: makeKey(), ASSERTION_KEY_2: makeAssertionKey() }
    const without = (text: string) => everything.replace(/^ {4}url:.*\n/m, '').replace(new RegExp(text, 'm'), '')
    const variants = {
      'redis-cluster': without('^ {4}sentinel:.*\\n(?: {6}.*\\n)+ {4}database:.*\\n'),
      'redis-sentinel': without('^ {4}nodes:.*\\n'),
    }

    const stores = Object.entries(variants).map(([kind, text]) => {
      writeFileSync(join(folder, `${kind}.yaml`), text.replace('kind: redis #', `kind: ${kind} #`))
      return loadConfig([join(folder, `${kind}.yaml`)], env).session.store
    })

    assert.deepEqual(
      stores.map(({ kind }) => kind),
      Object.keys(variants),
    )
  })

  it('OPS-01 is refused when the certificate has another key', () => {
    writeFileSync(join(folder, 'secrets/other.key'), makeCertificate().key)
    const file = join(folder, 'other.yaml')
    writeFileSync(file, example.replace('secrets/tls.key', 'secrets/other.key'))

    assert.throws(() => loadConfig([file], {}), /listen\.tls\.key: is not the private key of listen\.tls\.cert/)
  })

  it('OPS-01 is refused when the private key is none, or TLS has nothing to protect', () => {
    const file = join(folder, 'other.yaml')
    writeFileSync(file, example.replace('secrets/tls.key', 'secrets/ca.crt'))

    assert.throws(
      () => loadConfig([file], { REDIS_URL: `redis://:${makeKey()}@redis:6379` }),
      error => {
        assert.match(String(error), /listen\.tls\.key: is not a private key in PEM without a passphrase/)
        assert.match(String(error), /session\.store\.tls: needs a rediss: URL/)
        return true
      },
    )
  })

  it('opens in editors with its schema', () => {
    assert.equal(example.split('\n')[0], '# yaml-language-server: $schema=./gateway.schema.json')
  })

  it('has every option', () => {
    const source = parseSource(exampleFile, everything)

    const missing = listOptions().filter(({ path }) => placesOf(source.value, path).length === 0)

    assert.deepEqual(
      missing.map(({ path }) => path),
      [],
    )
  })

  it('says of every option its default, or what happens without it', () => {
    const source = parseSource(exampleFile, everything)
    const lines = everything.split('\n')

    const silent = listOptions().filter(({ path, byDefault }) => {
      if (byDefault === null) return false
      const [place] = placesOf(source.value, path)
      const line = place === undefined ? undefined : source.locate(place)?.line
      return line === undefined || !commentsAt(lines, line).includes(`Default: ${byDefault}`)
    })

    assert.deepEqual(
      silent.map(({ path, byDefault }) => `${path}: ${byDefault}`),
      [],
    )
  })

  it('gives the unit of every duration and size', () => {
    const source = parseSource(exampleFile, everything)
    const lines = everything.split('\n')
    const measured = listOptions().filter(({ description }) => /\((duration|size)\)/.test(description))

    const silent = measured.filter(({ path }) => {
      const [place] = placesOf(source.value, path)
      const line = place === undefined ? undefined : source.locate(place)?.line
      return line === undefined || !/\b(Duration|Size), up to \d/.test(commentsAt(lines, line))
    })

    assert.ok(measured.length >= 9)
    assert.deepEqual(
      silent.map(({ path }) => path),
      [],
    )
  })
})

describe('the pages made from the schema', () => {
  for (const { file, found, wanted } of configPages()) {
    it(`${file} is current; node tools/config-pages.ts --write brings it up to date`, () => {
      assert.equal(found, wanted)
    })
  }

  it('NHI-02 let a secret be written only as a place to read it from', () => {
    const [schema] = configPages()
    const secrets = nodesOf(JSON.parse(schema?.wanted ?? '')).filter(node => node.writeOnly === true)

    assert.equal(secrets.length, 8)
    for (const { anyOf } of secrets) assert.deepEqual(anyOf, [{ $ref: '#/$defs/env' }, { $ref: '#/$defs/file' }])
  })
})

function makeKey(): string {
  return randomBytes(32).toString('base64url')
}

/** Where an option stands in a configuration: `<name>` is any name, `[]` any item. */
function placesOf(value: unknown, path: string): ConfigPath[] {
  let places: { at: ConfigPath; value: unknown }[] = [{ at: [], value }]
  for (const part of path.replaceAll('[]', '.[]').split('.')) {
    places = places.flatMap(({ at, value: held }) =>
      Object.entries((held ?? {}) as object)
        .filter(([key]) => part === '<name>' || part === '[]' || key === part)
        .map(([key, inner]) => ({ at: [...at, Array.isArray(held) ? Number(key) : key], value: inner as unknown })),
    )
  }
  return places.map(({ at }) => at)
}

/** The comment in a line, and those on the lines right above it. */
function commentsAt(lines: readonly string[], line: number): string {
  const comments = [lines[line - 1]?.split(' # ')[1] ?? '']
  for (let i = line - 2; lines[i]?.trimStart().startsWith('#'); i--) comments.push(lines[i] ?? '')
  return comments.join(' ')
}

function nodesOf(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return []
  return [value as Record<string, unknown>, ...Object.values(value).flatMap(nodesOf)]
}
