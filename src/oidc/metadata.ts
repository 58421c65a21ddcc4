import { createRemoteJWKSet, type JWTVerifyGetKey, customFetch as joseFetch } from 'jose'
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  type CustomFetch,
  clockTolerance,
  customFetch,
  discovery,
  enableNonRepudiationChecks,
  getJwksCache,
  type ServerMetadata,
  setJwksCache,
} from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/hosts.ts'
import type { LogFields } from '../ops/fields.ts'
import { idpUnavailable, ownError } from './errors.ts'

/** Old metadata is used while newer is fetched: providers change theirs rarely, and announce it by keeping both ways. */
const renewAfterMs = 10 * 60_000
/** Metadata that nobody could renew for a day is not believed any more (META-07). */
const forgetAfterMs = 24 * 3_600_000
/** Long enough that a burst of sign-ins asks an absent IdP once; short enough that one which is back is used at once. */
const backOffMs = 1_000

/** One fetch of a provider's metadata, and what is made of it. */
export interface Metadata {
  readonly server: Readonly<ServerMetadata>
  /** For sign-ins: the grant fails unless the ID token's signature holds. */
  readonly signIn: Configuration
  /** For refreshes: does not look at signatures, so that a key set that cannot be had loses no rotated token. */
  readonly renewal: Configuration
  /** The issuer's keys, to look at those signatures afterwards. */
  readonly keys: JWTVerifyGetKey
}

export interface MetadataDeps {
  readonly config: ProviderConfig
  readonly wire: CustomFetch
  readonly now: () => number
  readonly log: (event: string, fields: LogFields) => void
}

/**
 * Creates the reader of a provider's metadata: fetched when first needed, by one request however many ask;
 * renewed in the background. A provider that is away when the gateway starts is asked again later.
 *
 * @throws {GatewayError} `idp_unavailable` while there is none: the provider is away, is not who it should
 *   be (`metadata_issuer_mismatch`), or cannot do PKCE with S256 (`pkce_unsupported`)
 */
export function createMetadata(deps: MetadataDeps): () => Promise<Metadata> {
  const { config, now, log } = deps
  let held: { readonly metadata: Metadata; readonly fetchedAt: number } | null = null
  let failure: { readonly error: unknown; readonly at: number } | null = null
  let pending: Promise<Metadata> | null = null
  let hasWarned = false

  async function renew(): Promise<Metadata> {
    try {
      const metadata = await fetchMetadata(deps, held?.metadata ?? null)
      if (!('code_challenge_methods_supported' in metadata.server) && !hasWarned) {
        hasWarned = true
        log('provider_pkce_unannounced', { provider: config.id })
      }
      held = { metadata, fetchedAt: now() }
      failure = null
      return metadata
    } catch (error) {
      failure = { error, at: now() }
      log('provider_metadata_failed', { provider: config.id, ...reasonOf(error) })
      throw error
    }
  }

  function renewOnce(): Promise<Metadata> {
    pending ??= renew().finally(() => {
      pending = null
    })
    return pending
  }

  return async function metadata() {
    const ageMs = held === null ? Number.POSITIVE_INFINITY : now() - held.fetchedAt
    const isResting = failure !== null && now() - failure.at < backOffMs
    if (held !== null && ageMs < forgetAfterMs) {
      // The failure is logged where it happens; nobody waits for this one.
      if (ageMs >= renewAfterMs && !isResting) renewOnce().catch(() => undefined)
      return held.metadata
    }
    if (failure !== null && isResting && pending === null) throw failure.error
    return await renewOnce()
  }
}

async function fetchMetadata({ config, wire }: MetadataDeps, previous: Metadata | null): Promise<Metadata> {
  const { protocol, hostname } = new URL(config.issuer)
  const isInsecure = protocol === 'http:' && isLoopback(hostname)
  const client = { [clockTolerance]: config.clockToleranceMs / 1000 }
  const { method, secret } = config.clientAuth
  const auth = method === 'client_secret_basic' ? ClientSecretBasic(secret) : ClientSecretPost(secret)
  try {
    const renewal = await discovery(new URL(config.issuer), config.clientId, client, auth, {
      [customFetch]: wire,
      execute: isInsecure ? [allowInsecureRequests] : [],
    })
    const server = renewal.serverMetadata()
    checkServer(config, server)

    const signIn = new Configuration(server, config.clientId, client, auth)
    signIn[customFetch] = wire
    if (isInsecure) allowInsecureRequests(signIn)
    enableNonRepudiationChecks(signIn)
    const knownKeys = previous?.server.jwks_uri === server.jwks_uri ? previous : null
    const cache = knownKeys === null ? undefined : getJwksCache(knownKeys.signIn)
    if (cache !== undefined) setJwksCache(signIn, cache)
    return { server, signIn, renewal, keys: knownKeys?.keys ?? keySet(server, wire) }
  } catch (error) {
    const isOther = error instanceof Error && 'code' in error && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
    if (isOther) throw issuerMismatch(config)
    throw ownError(error) ?? idpUnavailable(config, 'metadata_invalid', 'gave metadata that cannot be used', error)
  }
}

function checkServer(config: ProviderConfig, server: ServerMetadata): void {
  // The library compares URLs, in which a final slash or the case of the host may differ.
  if (server.issuer !== config.issuer) throw issuerMismatch(config)
  if (typeof server.jwks_uri !== 'string' || !URL.canParse(server.jwks_uri)) {
    throw idpUnavailable(config, 'metadata_invalid', 'names no key set in its metadata (jwks_uri)')
  }
  // Some providers that do S256 do not say so, Entra ID among them: silence is let pass with a warning, and
  // state and nonce hold in any case (docs/security.md, PKCE-05).
  const methods: unknown = server.code_challenge_methods_supported
  if (methods !== undefined && !(Array.isArray(methods) && methods.includes('S256'))) {
    throw idpUnavailable(
      config,
      'pkce_unsupported',
      'says in its metadata that it does not do PKCE with S256 (code_challenge_methods_supported)',
    )
  }
}

function issuerMismatch(config: ProviderConfig) {
  const what = `calls itself by another issuer in its metadata than identityProviders.${config.id}.issuer; they must be equal to the last character`
  return idpUnavailable(config, 'metadata_issuer_mismatch', what)
}

function keySet(server: ServerMetadata, wire: CustomFetch): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(server.jwks_uri ?? ''), {
    [joseFetch]: (url, options) => wire(url, { ...options, headers: Object.fromEntries(options.headers), body: undefined }),
  })
}

function reasonOf(error: unknown): Pick<LogFields, 'reason' | 'error'> {
  const own = ownError(error)
  return own === null ? {} : { error: own.message, ...(own.reason === undefined ? {} : { reason: own.reason }) }
}
