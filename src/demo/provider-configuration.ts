import { randomBytes } from 'node:crypto'
import type { Configuration, Grant, KoaContextWithOIDC } from 'oidc-provider'
import type { Person } from './people.ts'
import { createProviderMemory } from './provider-memory.ts'
import { pageHeaders, renderSignOut, renderTrouble } from './provider-pages.ts'

export interface ProviderOptions {
  /** The gateway, as the provider knows it. */
  readonly client: { readonly id: string; readonly secret: string; readonly origin: string; readonly redirectUris?: readonly string[] }
  readonly people: readonly Person[]
  /** The API that access tokens are made for: their `aud`. */
  readonly audience: string
}

/** What the API's tokens may allow. */
const apiScopes = 'orders.read orders.write'

// Short, so that a renewal can be watched. The gateway renews 30 s ahead of expiry.
const accessTokenTtlSeconds = 60

/** How the library behaves: code flow with PKCE, no consent page, refresh tokens that work once. */
export function configureProvider(options: ProviderOptions, signingKey: object): Configuration {
  const { client, people, audience } = options
  return {
    clients: [
      {
        client_id: client.id,
        client_secret: client.secret,
        client_name: 'Sallyport demo',
        redirect_uris: [...(client.redirectUris ?? [`${client.origin}/auth/callback/demo`])],
        post_logout_redirect_uris: [`${client.origin}/auth/logged-out`],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    jwks: { keys: [signingKey] },
    adapter: createProviderMemory(Date.now),
    responseTypes: ['code'],
    scopes: ['openid', 'profile', 'email'],
    claims: { openid: ['sub'], profile: ['name', 'groups'], email: ['email', 'email_verified'] },
    conformIdTokenClaims: false,
    cookies: {
      keys: [randomBytes(32).toString('base64url')],
      names: { session: 'demo_provider', interaction: 'demo_interaction', resume: 'demo_resume' },
    },
    ttl: { AccessToken: accessTokenTtlSeconds, IdToken: 600, Interaction: 600, RefreshToken: 86_400, Session: 86_400, Grant: 86_400 },
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_ctx, sub) => findAccount(people, sub),
    loadExistingGrant: ctx => grantEverything(ctx, audience),
    renderError: (ctx, out) => showPage(ctx, renderTrouble(out.error_description ?? out.error, client.origin)),
    features: {
      devInteractions: { enabled: false },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (ctx, form) => showPage(ctx, renderSignOut(form)),
        postLogoutSuccessSource: ctx => showPage(ctx, renderTrouble('You are signed out.', client.origin)),
      },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          audience,
          scope: apiScopes,
          accessTokenFormat: 'jwt',
          accessTokenTTL: accessTokenTtlSeconds,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  }
}

function findAccount(people: readonly Person[], sub: string) {
  const person = people.find(one => one.username === sub)
  if (person === undefined) return undefined
  const { name, email, groups } = person
  return { accountId: sub, claims: () => ({ sub, name, email, email_verified: true, groups: [...groups] }) }
}

/** The demo's gateway is trusted by the provider: nobody is asked for consent. */
async function grantEverything(ctx: KoaContextWithOIDC, audience: string): Promise<Grant | undefined> {
  const { client, account, provider } = ctx.oidc
  if (client === undefined || account === undefined) return undefined
  const grant = new provider.Grant({ clientId: client.clientId, accountId: account.accountId })
  grant.addOIDCScope('openid profile email')
  grant.addResourceScope(audience, apiScopes)
  await grant.save()
  return grant
}

function showPage(ctx: KoaContextWithOIDC, html: string): void {
  ctx.set(pageHeaders)
  ctx.body = html
}
