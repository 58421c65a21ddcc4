import { type CryptoKey, compactVerify, decodeProtectedHeader, errors } from 'jose'
import type { KeySet, Keys } from './keys.ts'

/**
 * `wrong`: not signed by the key that it should be signed by. `unacceptable`: not a signed JWT, or by an
 * algorithm that is not taken. `key_missing`: none of the provider's keys is the one that the token names.
 */
export type Verdict = 'good' | 'wrong' | 'unacceptable' | 'key_missing'

/** What OpenID Connect Core §2 takes for granted where the metadata lists nothing. */
const defaultAlgorithms = ['RS256']

/**
 * Looks at a JWT's signature, with the provider's own keys alone: those that a token brings or points at
 * (`jwk`, `jku`, `x5c`, `x5u`) are not looked at (RFC 8725 §3.10).
 *
 * A key that is not known causes one more fetch of the keys, within the cool-down. So does a wrong signature of
 * a token that names no key: that is what a rotation looks like where keys have no names.
 *
 * @param announced the algorithms of the metadata, of whatever type came; `none` and shared secrets never count
 * @throws {GatewayError} `idp_unavailable` when the keys cannot be had
 */
export async function judgeSignature(keys: Keys, jwt: string, announced: unknown): Promise<Verdict> {
  const algorithms = signatureAlgorithms(announced)
  const held = await keys.current()
  const verdict = await judgeWith(held, jwt, algorithms)
  const mayBeNewer = verdict === 'key_missing' || (verdict === 'wrong' && decodeProtectedHeader(jwt).kid === undefined)
  const newer = mayBeNewer ? await keys.newerThan(held) : null
  return newer === null ? verdict : await judgeWith(newer, jwt, algorithms)
}

function signatureAlgorithms(announced: unknown): string[] {
  if (!Array.isArray(announced)) return defaultAlgorithms
  return announced.filter(isSignatureAlgorithm)
}

/** Whether an algorithm is one by which only the holder of a private key can sign. */
export function isSignatureAlgorithm(alg: unknown): alg is string {
  return typeof alg === 'string' && /^((RS|PS|ES)(256|384|512)|EdDSA|Ed25519)$/.test(alg)
}

async function judgeWith(keySet: KeySet, jwt: string, algorithms: string[]): Promise<Verdict> {
  try {
    await compactVerify(jwt, keySet, { algorithms })
    return 'good'
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return await judgeWithEach(error, jwt, algorithms)
    if (error instanceof errors.JWSSignatureVerificationFailed) return 'wrong'
    const isUnacceptable =
      error instanceof errors.JWSInvalid || error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported
    return isUnacceptable ? 'unacceptable' : 'key_missing'
  }
}

/** Without a `kid`, or with one that two keys have, any key of the right kind may be the one (META-06). */
async function judgeWithEach(candidates: AsyncIterable<CryptoKey>, jwt: string, algorithms: string[]): Promise<Verdict> {
  for await (const key of candidates) {
    const isGood = await compactVerify(jwt, key, { algorithms }).then(
      () => true,
      () => false,
    )
    if (isGood) return 'good'
  }
  return 'wrong'
}
