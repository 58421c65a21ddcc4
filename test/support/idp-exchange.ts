import { createPublicKey, randomBytes } from 'node:crypto'
import { jwtVerify } from 'jose'
import type Provider from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { IdpKey } from './idp-key.ts'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

const parameters = ['audience', 'resource', 'scope', 'requested_token_type', 'subject_token', 'subject_token_type'] as const
type Parameters = Partial<Record<(typeof parameters)[number], string>>

export interface ExchangeSettings {
  readonly key: IdpKey
  /** Whom tokens may be exchanged for; each has two scopes, as in IdpSettings. */
  readonly audiences: () => readonly string[]
  readonly accessTokenSeconds: () => number
}

/**
 * Teaches a provider the token exchange (RFC 8693), which it does not bring along: one subject, who must be the
 * client's own, for one audience that it knows, with scopes that this one has.
 */
export function addTokenExchange(provider: Provider, { key, audiences, accessTokenSeconds }: ExchangeSettings): void {
  provider.registerGrantType<Parameters>(
    exchangeGrant,
    async ctx => {
      const { client, params } = ctx.oidc
      if (params.subject_token_type !== accessTokenType) throw new errors.InvalidRequest('subject_token_type is not taken')
      if (![undefined, accessTokenType].includes(params.requested_token_type)) throw new errors.InvalidRequest('requested_token_type')
      const subject = await readSubject(params.subject_token ?? '')
      if (subject === null || subject.clientId !== client.clientId) throw new errors.InvalidRequest('the subject token is not valid')

      const audience = params.audience ?? params.resource ?? ''
      if (!audiences().includes(audience)) throw new errors.InvalidTarget()
      const known = scopesOf(audience)
      const scopes = params.scope === undefined ? known : params.scope.split(' ')
      const unknown = scopes.find(scope => !known.includes(scope))
      if (unknown !== undefined) throw new errors.InvalidScope('the audience has no such scope', unknown)

      const seconds = Math.floor(Date.now() / 1000)
      const claims = { iss: provider.issuer, sub: subject.sub, aud: audience, client_id: client.clientId, scope: scopes.join(' ') }
      const times = { iat: seconds, exp: seconds + accessTokenSeconds(), jti: randomBytes(16).toString('base64url') }
      ctx.body = {
        access_token: key.sign({ alg: key.alg, typ: 'at+jwt', kid: key.kid }, { ...claims, ...times }),
        issued_token_type: accessTokenType,
        token_type: 'Bearer',
        expires_in: accessTokenSeconds(),
        scope: scopes.join(' '),
      }
    },
    parameters,
  )

  /** Opaque tokens are looked up, so that revoked ones count for nothing; JWTs are judged by what they say. */
  async function readSubject(token: string): Promise<{ readonly sub: string; readonly clientId: unknown } | null> {
    const found = await provider.AccessToken.find(token)
    if (found !== undefined) return found.isValid ? { sub: found.accountId, clientId: found.clientId } : null
    try {
      const { payload } = await jwtVerify(token, createPublicKey(key.privateKey), { issuer: provider.issuer, typ: 'at+jwt' })
      return payload.sub === undefined ? null : { sub: payload.sub, clientId: payload.client_id }
    } catch {
      return null
    }
  }
}

/** By the first label of the host: `orders.read` and `orders.write` at https://orders.example. */
export function scopesOf(audience: string): readonly string[] {
  const [name = ''] = (URL.parse(audience)?.hostname ?? audience).split('.')
  return [`${name}.read`, `${name}.write`]
}
