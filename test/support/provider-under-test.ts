import { randomBytes } from 'node:crypto'
import type { ProviderConfig } from '../../src/config/config.ts'
import { createProvider } from '../../src/oidc/create-provider.ts'
import type { AuthorizationRequest, Callback, Provider } from '../../src/oidc/provider.ts'
import type { LogFields } from '../../src/ops/fields.ts'
import type { SignIn } from '../../src/session/session.ts'

/** Where the IdP sends the browser back to. Nobody listens there: tests read the address. */
export const redirectUri = 'https://app.example/auth/callback/main'

/** As much of a provider as a client needs to know. */
export interface Peer {
  readonly issuer: string
  readonly clientId: string
  readonly clientSecret: string
  readonly ca?: string | undefined
  signIn(authorizationUrl: URL): Promise<URL>
}

export interface ProviderUnderTest {
  readonly provider: Provider
  /** What it logged. */
  readonly events: { readonly event: string; readonly fields: LogFields }[]
  /** The clock that it was given; runs with the machine's unless it is moved. */
  readonly clock: { aheadMs: number }
}

/** Our client of the peer, with a configuration that a test may change in part. */
export function createProviderUnderTest(
  peer: Peer,
  overrides: Partial<ProviderConfig> = {},
  keepClaims: readonly string[] = [],
  audiences: readonly string[] = [],
): ProviderUnderTest {
  const clock = { aheadMs: 0 }
  const events: ProviderUnderTest['events'] = []
  const config: ProviderConfig = {
    id: 'main',
    issuer: peer.issuer,
    label: 'Main',
    clientId: peer.clientId,
    clientAuth: { method: 'client_secret_basic', secret: peer.clientSecret },
    ...(peer.ca === undefined ? {} : { tls: { ca: Buffer.from(peer.ca) } }),
    scopes: ['openid', 'profile', 'email', 'orders.read'],
    authorizationParams: {},
    loginParams: [],
    allow: 'everyone',
    claims: {},
    logout: { hint: 'none', params: {} },
    responseMode: 'query',
    audienceParameter: 'resource',
    par: 'auto',
    timeoutMs: 10_000,
    clockToleranceMs: 5_000,
    ...overrides,
  }
  const provider = createProvider({
    config,
    keepClaims,
    audiences,
    now: () => Date.now() + clock.aheadMs,
    log: (event, fields) => events.push({ event, fields }),
  })
  return { provider, events, clock }
}

/** A fresh sign-in attempt, as the caller of `authorizationUrl` makes it. */
export function newAttempt(params: Readonly<Record<string, string>> = {}): AuthorizationRequest {
  const random = () => randomBytes(32).toString('base64url')
  return { redirectUri, state: random(), nonce: random(), verifier: random(), params }
}

/** Goes to the IdP with an attempt and comes back with what `redeem` takes. */
export async function fetchCallback(provider: Provider, peer: Peer, attempt = newAttempt()): Promise<Callback> {
  const callback = await peer.signIn(await provider.authorizationUrl(attempt))
  const { state, nonce, verifier } = attempt
  return { redirectUri, query: callback.searchParams, state, nonce, verifier }
}

/** A whole sign-in. */
export async function signIn(provider: Provider, peer: Peer, attempt = newAttempt()): Promise<SignIn> {
  return await provider.redeem(await fetchCallback(provider, peer, attempt))
}

/** What a failure must look like; for `assert.rejects`. */
export function gatewayError(code: string, reason: string) {
  return { name: 'GatewayError', code, reason }
}
