import { createHash, randomBytes } from 'node:crypto'
import type { JWTPayload } from 'jose'
import { grantScopes, subOf, type TestPeople } from './people.ts'
import { type TokenMaker, tokenSeconds } from './provider-tokens.ts'

/** The client that the gateway is to the provider. */
export interface TestClient {
  readonly id: string
  readonly secret: string
  readonly redirectUri: string
}

/** One sign-in of one person. */
interface Grant {
  readonly name: string
  readonly scopes: readonly string[]
  readonly authTime: number
  readonly acr: string | null
  readonly nonce: string | null
}

export interface GrantDeps {
  readonly client: TestClient
  readonly people: TestPeople
  readonly tokens: TokenMaker
  /** The API that access tokens are for when none is named. */
  readonly audience: string
  readonly now: () => number
}

/** An answer of the token endpoint, or its refusal in the words of RFC 6749 §5.2. */
export type TokenAnswer = Readonly<Record<string, unknown>>

/** What the test provider remembers of sign-ins, and the grant types by which tokens are had for them. */
export interface Grants {
  /** @returns the authorization code, for the person and an authorization request that has been checked */
  begin(name: string, request: URLSearchParams): string
  answer(form: URLSearchParams): Promise<TokenAnswer>
  /** The claims of the person whose access token it is; null for any other text. */
  claimsOf(accessToken: string): JWTPayload | null
  revoke(token: string): void
}

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** Codes and refresh tokens work once; of a used one nothing is known any more. */
export function createGrants({ client, people, tokens, audience, now }: GrantDeps): Grants {
  const codes = new Map<string, { readonly grant: Grant; readonly request: URLSearchParams }>()
  const refreshTokens = new Map<string, Grant>()
  const holders = new Map<string, string>()

  const answers: Readonly<Record<string, (form: URLSearchParams) => Promise<TokenAnswer>>> = {
    async authorization_code(form) {
      const code = form.get('code') ?? ''
      const held = codes.get(code)
      codes.delete(code)
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url')
      if (held === undefined || held.request.get('code_challenge') !== challenge) return { error: 'invalid_grant' }
      if (form.get('redirect_uri') !== client.redirectUri) return { error: 'invalid_grant' }
      return grantAnswer(held.grant, held.grant.scopes, form.get('resource') ?? held.request.get('audience'))
    },
    async refresh_token(form) {
      const token = form.get('refresh_token') ?? ''
      const grant = refreshTokens.get(token)
      refreshTokens.delete(token)
      if (grant === undefined) return { error: 'invalid_grant' }
      const asked = form.get('scope')?.split(' ') ?? grant.scopes
      const scopes = grant.scopes.filter(scope => asked.includes(scope))
      return grantAnswer(grant, scopes, form.get('resource') ?? form.get('audience'))
    },
    async client_credentials(form) {
      return accessAnswer({}, client.id, (form.get('scope') ?? '').split(' '), form.get('resource') ?? form.get('audience'))
    },
    async [exchangeGrant](form) {
      const name = holders.get(form.get('subject_token') ?? '')
      if (name === undefined) return { error: 'invalid_request' }
      const scopes = grantScopes(people[name] ?? {}, form.get('scope') ?? '')
      const answer = await accessAnswer(claims(name), subOf(people, name), scopes, form.get('audience') ?? form.get('resource'))
      return { ...answer, issued_token_type: accessTokenType }
    },
  }

  async function grantAnswer(grant: Grant, scopes: readonly string[], wanted: string | null): Promise<TokenAnswer> {
    const sub = subOf(people, grant.name)
    const answer = await accessAnswer(claims(grant.name), sub, scopes, wanted)
    holders.set(String(answer.access_token), grant.name)
    const refreshToken = secret()
    refreshTokens.set(refreshToken, grant)
    const own = {
      sub,
      aud: client.id,
      auth_time: grant.authTime,
      amr: ['test'],
      ...(grant.acr === null ? {} : { acr: grant.acr }),
      ...(grant.nonce === null ? {} : { nonce: grant.nonce }),
    }
    return { ...answer, refresh_token: refreshToken, id_token: await tokens.idToken(claims(grant.name), own) }
  }

  async function accessAnswer(about: JWTPayload, sub: string, scopes: readonly string[], wanted: string | null): Promise<TokenAnswer> {
    const scope = scopes.join(' ')
    const own = { sub, aud: wanted ?? audience, client_id: client.id, scope }
    return { access_token: await tokens.accessToken(about, own), token_type: 'Bearer', expires_in: tokenSeconds, scope }
  }

  function claims(name: string): JWTPayload {
    return people[name]?.claims ?? {}
  }

  return {
    begin(name, request) {
      const code = secret()
      const grant = {
        name,
        scopes: grantScopes(people[name] ?? {}, request.get('scope') ?? ''),
        authTime: Math.floor(now() / 1000),
        // The strongest that is asked for stands first, and everybody here can show it.
        acr: request.get('acr_values')?.split(' ')[0] ?? null,
        nonce: request.get('nonce'),
      }
      codes.set(code, { grant, request })
      return code
    },
    answer: async form => (await answers[form.get('grant_type') ?? '']?.(form)) ?? { error: 'unsupported_grant_type' },
    claimsOf(accessToken) {
      const name = holders.get(accessToken)
      return name === undefined ? null : { ...claims(name), sub: subOf(people, name) }
    },
    revoke(token) {
      refreshTokens.delete(token)
      holders.delete(token)
    },
  }
}

function secret(): string {
  return randomBytes(24).toString('base64url')
}
