import { randomBytes } from 'node:crypto'
import { exportJWK, generateKeyPair, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose'

/** How long access tokens and ID tokens live, in seconds. */
export const tokenSeconds = 300

/** Makes the provider's JWTs, by the clock of the test. */
export interface TokenMaker {
  readonly keySet: JSONWebKeySet
  /** @param claims of the person; what the provider itself says wins over them */
  idToken(claims: JWTPayload, own: JWTPayload): Promise<string>
  /** A JWT access token (RFC 9068), with the person's claims in it as many providers do. */
  accessToken(claims: JWTPayload, own: JWTPayload): Promise<string>
}

export async function createTokenMaker(issuer: string, now: () => number): Promise<TokenMaker> {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const header = { alg: 'ES256', kid: 'test' }

  function sign(typ: string, claims: JWTPayload, own: JWTPayload): Promise<string> {
    const seconds = Math.floor(now() / 1000)
    const times = { iat: seconds, exp: seconds + tokenSeconds, jti: randomBytes(16).toString('base64url') }
    return new SignJWT({ ...claims, ...times, iss: issuer, ...own }).setProtectedHeader({ ...header, typ }).sign(privateKey)
  }

  return {
    keySet: { keys: [{ ...(await exportJWK(publicKey)), ...header, use: 'sig' }] },
    idToken: (claims, own) => sign('JWT', claims, own),
    accessToken: (claims, own) => sign('at+jwt', claims, own),
  }
}
