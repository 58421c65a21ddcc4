import { constants, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

export type SigningAlgorithm = 'ES256' | 'RS256' | 'PS256' | 'EdDSA'

/** The key that a provider signs with. */
export interface IdpKey {
  readonly alg: SigningAlgorithm
  readonly kid: string
  readonly privateKey: KeyObject
  /** Signs whatever is written: what a library would refuse to sign, and `alg` lies, too. Undefined members are left out. */
  sign(header: Readonly<Record<string, unknown>>, payload: Readonly<Record<string, unknown>> | string): string
}

export function createIdpKey(alg: SigningAlgorithm): IdpKey {
  const privateKey = newKey(alg)
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  return {
    alg,
    kid: randomBytes(6).toString('base64url'),
    privateKey,
    sign(header, payload) {
      const input = `${encode(JSON.stringify(header))}.${encode(typeof payload === 'string' ? payload : JSON.stringify(payload))}`
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const, ...(alg === 'PS256' ? pss : {}) }
      return `${input}.${sign(alg === 'EdDSA' ? null : 'sha256', Buffer.from(input), key).toString('base64url')}`
    },
  }
}

function newKey(alg: SigningAlgorithm): KeyObject {
  if (alg === 'ES256') return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
  return alg === 'EdDSA' ? generateKeyPairSync('ed25519').privateKey : generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64url')
}
