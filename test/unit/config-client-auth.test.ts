import assert from 'node:assert/strict'
import { createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { compileConfig } from '../../src/config/compile.ts'
import type { ProviderConfig } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { makeClientKeys } from '../data/config/client-keys.ts'

type Options = Record<string, unknown>

const env = { ...makeEnv(), ...makeClientKeys() }
const certificate = { cert: { env: 'CLIENT_CERT' }, key: { env: 'CLIENT_KEY' } }

/** The base's provider with options replaced, and further providers. */
function compile(changes: Options, others: Options = {}, now = Date.now): readonly ProviderConfig[] {
  const options = parse(base) as Options & { identityProviders: { main: Options } }
  const identityProviders = { main: { ...options.identityProviders.main, ...changes }, ...others }
  return compileConfig({ ...options, identityProviders }, { env, baseDir: '/etc/sallyport', now }).identityProviders
}

function clientAuthOf(clientAuth: Options, changes: Options = {}) {
  return compile({ clientAuth, ...changes })[0]?.clientAuth
}

function keyOf(name: string, more: Options = {}) {
  const clientAuth = clientAuthOf({ method: 'private_key_jwt', key: { env: name }, ...more })
  assert.equal(clientAuth?.method, 'private_key_jwt')
  return clientAuth
}

describe('clientAuth', () => {
  it('takes the secret for the two methods that have one', () => {
    for (const method of ['client_secret_basic', 'client_secret_post'])
      assert.deepEqual(clientAuthOf({ method, secret: { env: 'CLIENT_SECRET' } }), { method, secret: env.CLIENT_SECRET })
  })

  for (const [name, algorithm] of [
    ['RSA_KEY', 'PS256'],
    ['P256_KEY', 'ES256'],
    ['ED25519_KEY', 'EdDSA'],
    ['RSA_JWK', 'PS256'],
    ['P256_JWK', 'ES256'],
    ['ED25519_JWK', 'EdDSA'],
  ] as const) {
    it(`CAUTH-05 signs with ${algorithm} under ${name}, said or not`, () => {
      const { key, ...rest } = keyOf(name)

      assert.equal(rest.algorithm, algorithm)
      assert.equal(keyOf(name, { algorithm }).algorithm, algorithm)
      assert.ok(signs(key))
    })
  }

  it('CAUTH-02 is for the issuer unless told otherwise', () => {
    assert.equal(keyOf('P256_KEY').audience, 'issuer')
    assert.equal(keyOf('P256_KEY', { audience: 'token_endpoint' }).audience, 'token_endpoint')
  })

  it('names the key as the JWK does, or as it is told', () => {
    assert.equal(keyOf('P256_KEY').keyId, undefined)
    assert.equal(keyOf('RSA_JWK').keyId, 'from-the-jwk')
    assert.equal(keyOf('RSA_JWK', { keyId: 'k2' }).keyId, 'k2')
  })

  it('CAUTH-11 leaves the path of an assertion to be read at use, from the folder of the file in which it stands', t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-assertion-'))
    t.after(() => rmSync(folder, { recursive: true }))
    mkdirSync(join(folder, 'conf'))
    const file = join(folder, 'conf/gateway.yaml')
    const auth = '    clientAuth:\n      method: client_assertion\n      assertion: { file: tokens/id }\n'
    writeFileSync(file, base.replace('    clientAuth:\n      secret: { env: CLIENT_SECRET }\n', auth))

    const { identityProviders } = loadConfig([file], env)

    assert.deepEqual(identityProviders[0]?.clientAuth, { method: 'client_assertion', assertionFile: join(folder, 'conf/tokens/id') })
  })

  it('shows a certificate, for tls_client_auth and beside every other method', () => {
    const shown = { cert: Buffer.from(env.CLIENT_CERT?.trim() ?? ''), key: Buffer.from(env.CLIENT_KEY?.trim() ?? '') }

    const [alone] = compile({ clientAuth: { method: 'tls_client_auth' }, tls: certificate })
    const [beside] = compile({ tls: { ...certificate, ca: { env: 'CLIENT_CERT' } } })

    assert.deepEqual([alone?.clientAuth, alone?.tls], [{ method: 'tls_client_auth' }, shown])
    assert.deepEqual(beside?.tls, { ...shown, ca: shown.cert })
  })

  it('OPS-01 has no use for a certificate that has expired, or that nobody takes yet', () => {
    const daysFrom = (days: number) => () => Date.now() + days * 86_400_000
    const soon = new Date(daysFrom(1)()).toISOString().slice(0, 10)

    assert.throws(() => compile({ tls: certificate }, {}, daysFrom(2)), new RegExp(`main\\.tls\\.cert: expired on ${soon}`))
    assert.throws(() => compile({ tls: certificate }, {}, daysFrom(-2)), /main\.tls\.cert: is not valid before \d{4}-\d\d-\d\d$/)
  })

  it('CAUTH-08 may be the same for two issuers of one host, and a certificate for all', () => {
    const tenant = { issuer: 'https://id.example.test/realms/other', clientId: 'sallyport', allow: 'everyone' }
    const elsewhere = { ...tenant, issuer: 'https://id.other.test' }

    assert.equal(compile({}, { other: { ...tenant, clientAuth: { secret: { env: 'CLIENT_SECRET' } } } }).length, 2)
    const shown = { clientAuth: { method: 'tls_client_auth' }, tls: certificate }
    assert.equal(compile(shown, { other: { ...elsewhere, ...shown } }).length, 2)
  })
})

/** Also after the configuration has been frozen. */
function signs(key: KeyObject): boolean {
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const text = Buffer.from('text')
  return key.asymmetricKeyDetails !== undefined && verify(algorithm, text, createPublicKey(key), sign(algorithm, text, key))
}
