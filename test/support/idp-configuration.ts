import { randomBytes } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { exportJWK, generateKeyPair } from 'jose'
import type { Configuration, KoaContextWithOIDC } from 'oidc-provider'
import type { createPeople } from './idp-people.ts'
import type { IdpStore } from './idp-store.ts'

/** The API whose JWTs the provider issues when `accessTokens` is `jwt`. */
export const ordersAudience = 'https://orders.example'

export interface IdpSettings {
  readonly alg: 'ES256' | 'RS256' | 'PS256' | 'EdDSA'
  /** `jwt`: for `ordersAudience`; the UserInfo endpoint refuses these. `opaque`: UserInfo takes them. */
  readonly accessTokens: 'jwt' | 'opaque'
  /** `always`, as Keycloak does; `offline_access`: only with that scope and `prompt=consent`. */
  readonly refreshTokens: 'always' | 'offline_access'
  /** False: every refresh gives back no new refresh token. */
  readonly rotate: boolean
  /** Pushed authorization requests. */
  readonly par: 'off' | 'offered' | 'required'
  /** Where the endpoints are that want the client's certificate; null: nowhere. */
  readonly certificateOrigin: string | null
  readonly people: ReturnType<typeof createPeople>
  readonly store: IdpStore
  readonly accessTokenSeconds: () => number
}

/** What oidc-provider is told, so that it behaves as the providers in the field do, without asking for consent. */
export async function configurationOf(settings: IdpSettings): Promise<Configuration> {
  const { alg, store } = settings
  const { privateKey } = await generateKeyPair(alg, { extractable: true })
  const people = Object.values(settings.people)
  return {
    adapter: store.adapter as NonNullable<Configuration['adapter']>,
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg, use: 'sig', kid: randomBytes(6).toString('base64url') }] } as NonNullable<
      Configuration['jwks']
    >,
    cookies: { keys: [randomBytes(16).toString('base64url')] },
    enabledJWA: { idTokenSigningAlgValues: [alg], clientAuthSigningAlgValues: ['PS256', 'ES256', 'EdDSA'] },
    ...(settings.certificateOrigin === null
      ? {}
      : {
          clientAuthMethods: ['tls_client_auth'],
          discovery: { mtls_endpoint_aliases: { token_endpoint: `${settings.certificateOrigin}/token` } },
        }),
    clientDefaults: { id_token_signed_response_alg: alg },
    conformIdTokenClaims: false,
    acrValues: ['urn:example:pwd', 'urn:example:mfa'],
    scopes: ['openid', 'offline_access', 'profile', 'email'],
    claims: {
      openid: ['sub', 'sid', 'auth_time', 'acr', 'amr'],
      profile: ['name', 'preferred_username', 'groups', 'realm_access'],
      email: ['email', 'email_verified'],
    },
    findAccount(_ctx, sub) {
      const claims = people.find(person => person.claims.sub === sub)?.claims
      if (claims === undefined) return undefined
      return { accountId: sub, claims: () => ({ ...claims, sub }) }
    },
    loadExistingGrant: grantEverything,
    renderError(ctx, out) {
      ctx.type = 'text/plain'
      ctx.body = `${out.error}: ${out.error_description}`
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    rotateRefreshToken: settings.rotate,
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && (settings.refreshTokens === 'always' || code.scopes.has('offline_access')),
    ttl: {
      AccessToken: settings.accessTokenSeconds,
      AuthorizationCode: 60,
      Grant: 86_400,
      IdToken: 300,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      pushedAuthorizationRequests: { enabled: settings.par !== 'off', requirePushedAuthorizationRequests: settings.par === 'required' },
      mTLS: {
        enabled: settings.certificateOrigin !== null,
        tlsClientAuth: true,
        getCertificate: ctx => (ctx.socket as TLSSocket).getPeerX509Certificate()?.toString(),
        certificateAuthorized: ctx => (ctx.socket as TLSSocket).authorized,
        certificateSubjectMatches: (ctx, _property, expected) =>
          (ctx.socket as TLSSocket).getPeerX509Certificate()?.subjectAltName === `DNS:${expected}`,
      },
      rpInitiatedLogout: { enabled: true, logoutSource: askBeforeLogout },
      resourceIndicators: {
        enabled: settings.accessTokens === 'jwt',
        defaultResource: () => ordersAudience,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience: ordersAudience,
          scope: 'orders.read orders.write',
          accessTokenFormat: 'jwt',
          accessTokenTTL: settings.accessTokenSeconds(),
          jwt: { sign: { alg } },
        }),
      },
    },
  }
}

/** One grant for each session at the provider, as usual in the field, with all that is asked for. */
async function grantEverything(ctx: KoaContextWithOIDC) {
  const { client, session, provider } = ctx.oidc
  if (client === undefined || session?.accountId === undefined) return undefined
  const known = session.grantIdFor(client.clientId)
  const grant =
    (known === undefined ? undefined : await provider.Grant.find(known)) ??
    new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
  grant.addOIDCScope([...ctx.oidc.requestParamOIDCScopes].join(' '))
  for (const resource of Object.keys(ctx.oidc.resourceServers ?? {}))
    grant.addResourceScope(resource, [...ctx.oidc.requestParamScopes].join(' '))
  await grant.save()
  return grant
}

function askBeforeLogout(ctx: KoaContextWithOIDC, form: string): void {
  ctx.body = `<!doctype html><html lang="en"><title>Sign out</title>${form}
<button type="submit" form="op.logoutForm" name="logout" value="yes">Sign out</button></html>`
}
