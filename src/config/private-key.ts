import { createPrivateKey, createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { ClientAuth } from './config.ts'
import { isMap } from './schema-forms.ts'

export type SigningAlgorithm = Extract<ClientAuth, { method: 'private_key_jwt' }>['algorithm']

/** A key that can sign our assertions, and what it says of itself. */
export interface SigningKey {
  readonly key: KeyObject
  /** The one algorithm that keys of this kind sign with here (FAPI 2.0 §5.4.1). */
  readonly algorithm: SigningAlgorithm
  /** The `kid` of a JWK. */
  readonly keyId?: string
}

// RFC 8725 §3.2, FAPI 2.0 §5.4.1: NIST has let nothing shorter sign since 2014.
const leastRsaBits = 2048

const kinds = 'an RSA key of 2048 bits or more, an elliptic-curve key on P-256, or an Ed25519 key'

/** Reads a private key from PEM or a JWK. The problem quotes nothing of it. */
export function readSigningKey(text: string): SigningKey | { readonly problem: string } {
  const jwk = readJwk(text)
  const key = createKey(jwk ?? text)
  if (key === null) return { problem: 'must be a private key: PEM (PKCS #8) without a passphrase, or one JWK in JSON' }
  const bits = key.asymmetricKeyDetails?.modulusLength ?? leastRsaBits
  if (bits < leastRsaBits) return { problem: `is an RSA key of ${bits} bits, which is too short: use 2048 or more` }
  const algorithm = algorithmOf(key)
  if (algorithm === null) return { problem: `is of a kind that is not used here: use ${kinds}` }
  if (jwk === null) return { key, algorithm }
  const { alg, use, kid } = jwk
  // RFC 9864 §2.2 calls EdDSA with this curve Ed25519.
  if (alg !== undefined && alg !== algorithm && !(alg === 'Ed25519' && algorithm === 'EdDSA'))
    return { problem: `is a JWK for another algorithm (alg) than ${algorithm}: register the key for that one` }
  if (use !== undefined && use !== 'sig') return { problem: 'is a JWK that is not for signing (use)' }
  return { key, algorithm, ...(typeof kid === 'string' && kid !== '' && { keyId: kid }) }
}

/** The same text for every writing of one key; DER keeps how the public part was written, or that it was not. */
export function fingerprintOf(key: KeyObject): string {
  return JSON.stringify(createPublicKey(key).export({ format: 'jwk' }))
}

function readJwk(text: string): Readonly<Record<string, unknown>> | null {
  if (!text.trimStart().startsWith('{')) return null
  try {
    const value: unknown = JSON.parse(text)
    return isMap(value) ? value : null
  } catch {
    return null
  }
}

function createKey(source: string | Readonly<Record<string, unknown>>): KeyObject | null {
  try {
    return createPrivateKey(typeof source === 'string' ? source : { key: source as JsonWebKey, format: 'jwk' })
  } catch {
    return null
  }
}

function algorithmOf(key: KeyObject): SigningAlgorithm | null {
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return 'PS256'
    case 'ed25519':
      return 'EdDSA'
    case 'ec':
      return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : null
    default:
      return null
  }
}
