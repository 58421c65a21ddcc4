import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { makeCertificate } from '../../support/certificate.ts'

/** Keys and certificates that the cases of client authentication refer to, good ones and others, fresh for every caller. */
export function makeClientKeys(): Record<string, string> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  const client = makeCertificate(['sallyport'])
  const locked = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'in-nobodys-head' } as const
  return {
    RSA_KEY: pem(rsa.privateKey),
    P256_KEY: pem(p256),
    ED25519_KEY: pem(generateKeyPairSync('ed25519').privateKey),
    RSA_JWK: jwk(rsa.privateKey, { kid: 'from-the-jwk', alg: 'PS256', use: 'sig' }),
    // The same key as P256_KEY, in other words.
    P256_JWK: jwk(p256, {}),
    ED25519_JWK: jwk(generateKeyPairSync('ed25519').privateKey, { alg: 'Ed25519' }),
    CLIENT_CERT: client.cert,
    CLIENT_KEY: client.key,
    // With something wrong in them.
    SHORT_RSA_KEY: pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey),
    P384_KEY: pem(generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey),
    X25519_KEY: pem(generateKeyPairSync('x25519').privateKey),
    LOCKED_KEY: p256.export(locked).toString(),
    PUBLIC_KEY: rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    PUBLIC_JWK: JSON.stringify(rsa.publicKey.export({ format: 'jwk' })),
    RS256_JWK: jwk(rsa.privateKey, { alg: 'RS256' }),
    ENCRYPTION_JWK: jwk(rsa.privateKey, { use: 'enc' }),
    BROKEN_JWK: jwk(rsa.privateKey, {}).slice(0, -1),
  }
}

function pem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

function jwk(key: KeyObject, members: Record<string, string>): string {
  return JSON.stringify({ ...key.export({ format: 'jwk' }), ...members })
}
