import assert from 'node:assert/strict'
import { createECDH, createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { compileConfig } from '../../src/config/compile.ts'
import { base, makeEnv } from '../data/config/base.ts'

/*
 * What happened: whether two providers share a key was told from its PKCS #8 bytes. Those of an elliptic-curve key keep
 * how its public part was written: with a compressed point, or without one, the same key passed for another.
 *
 * What holds it now: the public key is compared, as numbers.
 */
describe('a key of private_key_jwt that two providers share', () => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const secret = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')

  for (const form of ['compressed', 'left out'] as const) {
    it(`CAUTH-08, A-017 is found where one file has the public point ${form}`, () => {
      const other = createPrivateKey({ key: sec1(secret, form), format: 'der', type: 'sec1' })
      const pem = (key: typeof privateKey) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
      assert.notEqual(pem(other), pem(privateKey))
      const env = { ...makeEnv(), ONE: pem(privateKey), TWO: pem(other) }
      const options = parse(base)
      const { main } = options.identityProviders
      const clientAuth = { method: 'private_key_jwt', key: { env: 'ONE' } }
      const two = { ...main, issuer: 'https://id.other.test', clientAuth: { ...clientAuth, key: { env: 'TWO' } } }
      options.identityProviders = { main: { ...main, clientAuth }, two }

      assert.throws(() => compileConfig(options, { env, baseDir: '/etc/sallyport' }), /is also what identityProviders\.main gets/)
    })
  }
})

/** RFC 5915 §3: version, the private number, the curve, the point if it is written. */
function sec1(secret: Buffer, form: 'compressed' | 'left out'): Buffer {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(secret)
  const point = ecdh.getPublicKey(null, 'compressed')
  const curve = Buffer.from('a00a06082a8648ce3d030107', 'hex')
  const written = form === 'compressed' ? tagged(0xa1, tagged(0x03, Buffer.concat([Buffer.of(0), point]))) : Buffer.alloc(0)
  return tagged(0x30, Buffer.concat([Buffer.of(2, 1, 1), tagged(0x04, secret), curve, written]))
}

function tagged(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.of(tag, content.length), content])
}
