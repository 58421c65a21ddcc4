import { randomBytes } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { type Configuration, errors, type KoaContextWithOIDC } from 'oidc-provider'
import { scopesOf } from './idp-exchange.ts'
import type { IdpKey } from './idp-key.ts'
import type { createPeople } from './idp-people.ts'
import type { IdpStore } from './idp-store.ts'

/** The API whose JWTs the provider issues when `accessTokens` is `jwt`. */
export const ordersAudience = 'https://orders.example'

export interface IdpSettings {
  readonly key: IdpKey
  /** The sign-in's own. `jwt`: for the first audience; the UserInfo endpoint refuses these. `opaque`: UserInfo takes them. */
  readonly accessTokens: 'jwt' | 'opaque'
  /**
   * The APIs for which it gives JWTs when they are asked for by `resource`. Each has two scopes, by the first label
   * of its host: `orders.read` and `orders.write` at https://orders.example.
   */
  readonly audiences: readonly string[]
  /** `always`, as Keycloak does; `offline_access`: only with that scope and `prompt=consent`. */
  readonly refreshTokens: 'always' | 'offline_access'
  /** False: every refresh gives back no new refresh token. */
  readonly rotate: boolean
  /** Whether it has a revocation endpoint; it takes no JWTs there. */
  readonly revocation: boolean
  /** Pushed authorization requests. */
  readonly par: 'off' | 'offered' | 'required'
  /** Where the endpoints are that want the client's certificate; null: nowhere. */
  readonly certificateOrigin: string | null
  readonly people: ReturnType<typeof createPeople>
  readonly store: IdpStore
  readonly accessTokenSeconds: () => number
}

/** What oidc-provider is told, so that it behaves as the providers in the field do, without asking for consent. */
export function configurationOf(settings: IdpSettings): Configuration {
  const { audiences, store } = settings
  const { alg, kid, privateKey } = settings.key
  const isJwt = settings.accessTokens === 'jwt'
  const people = Object.values(settings.people)
  return {
    adapter: store.adapter as NonNullable<Configuration['adapter']>,
    jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), alg, use: 'sig', kid }] } as NonNullable<Configuration['jwks']>,
    cookies: { keys: [randomBytes(16).toString('base64url')] },
    enabledJWA: { idTokenSigningAlgValues: [alg], clientAuthSigningAlgValues: ['PS256', 'ES256', 'EdDSA'] },
    ...(settings.certificateOrigin === null
      ? {}
      : {
          clientAuthMethods: ['tls_client_auth'],
          discovery: {
            mtls_endpoint_aliases: {
              token_endpoint: `${settings.certificateOrigin}/token`,
              ...(settings.revocation ? { revocation_endpoint: `${settings.certificateOrigin}/token/revocation` } : {}),
            },
          },
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
    // Its own refuses to talk to loopback, where all of ours is.
    fetch: (url, { dispatcher: _guard, ...options }: RequestInit & { dispatcher?: unknown } = {}) => fetch(url, options),
    issueRefreshToken: (_ctx, client, code) =>
      client.grantTypeAllowed('refresh_token') && (settings.refreshTokens === 'always' || code.scopes.has('offline_access')),
    ttl: {
      AccessToken: settings.accessTokenSeconds,
      AuthorizationCode: 60,
      ClientCredentials: settings.accessTokenSeconds,
      Grant: 86_400,
      IdToken: 300,
      Interaction: 600,
      RefreshToken: 86_400,
      Session: 86_400,
    },
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
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
      revocation: { enabled: settings.revocation, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      backchannelLogout: { enabled: true },
      resourceIndicators: {
        enabled: isJwt || audiences.length > 0,
        // What is meant where none is named, and which of several the sign-in's own token is for.
        defaultResource: () => (isJwt ? (audiences[0] ?? ordersAudience) : []),
        useGrantedResource: () => isJwt,
        getResourceServerInfo(_ctx, resource) {
          if (!(audiences.length === 0 ? [ordersAudience] : audiences).includes(resource)) throw new errors.InvalidTarget()
          return {
            audience: resource,
            scope: scopesOf(resource).join(' '),
            accessTokenFormat: 'jwt',
            accessTokenTTL: settings.accessTokenSeconds(),
            jwt: { sign: { alg } },
          }
        },
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
