import {
  allowInsecureRequests,
  type ClientAuth,
  type Configuration,
  type CustomFetch,
  clockTolerance,
  customFetch,
  discovery,
  type ServerMetadata,
} from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { isLoopback } from '../config/hosts.ts'
import type { LogFields } from '../ops/fields.ts'
import { idpUnavailable, ownError } from './errors.ts'
import { createKeys, type Keys } from './keys.ts'

/** Old metadata is used while newer is fetched: providers change theirs rarely, and announce it by keeping both ways. */
const renewAfterMs = 10 * 60_000
/** Metadata that nobody could renew for a day is not believed any more (META-07). */
const forgetAfterMs = 24 * 3_600_000
/** Long enough that a burst of sign-ins asks an absent IdP once; short enough that one which is back is used at once. */
const backOffMs = 1_000
/** Longer ones fit into no Location header. */
const longestAddress = 2048

/** One fetch of a provider's metadata, and what is made of it. */
export interface Metadata {
  readonly server: Readonly<ServerMetadata>
  /** Does not look at signatures: that comes after it, with the keys. */
  readonly client: Configuration
  /** The issuer's keys. */
  readonly keys: Keys
}

export interface MetadataDeps {
  readonly config: ProviderConfig
  readonly wire: CustomFetch
  readonly clientAuth: ClientAuth
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

async function fetchMetadata(deps: MetadataDeps, previous: Metadata | null): Promise<Metadata> {
  const { config, wire, clientAuth } = deps
  const { protocol, hostname } = new URL(config.issuer)
  const isInsecure = protocol === 'http:' && isLoopback(hostname)
  const clientMetadata = {
    [clockTolerance]: config.clockToleranceMs / 1000,
    // Where the provider asks for our certificate (RFC 8705 §5).
    use_mtls_endpoint_aliases: config.clientAuth.method === 'tls_client_auth',
  }
  try {
    const client = await discovery(new URL(config.issuer), config.clientId, clientMetadata, clientAuth, {
      [customFetch]: wire,
      execute: isInsecure ? [allowInsecureRequests] : [],
    })
    const server = client.serverMetadata()
    const keysAddress = checkServer(config, server)
    return { server, client, keys: previous?.server.jwks_uri === keysAddress ? previous.keys : createKeys(deps, keysAddress) }
  } catch (error) {
    const isOther = error instanceof Error && 'code' in error && error.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED'
    if (isOther) throw issuerMismatch(config)
    throw ownError(error) ?? idpUnavailable(config, 'metadata_invalid', 'gave metadata that cannot be used', error)
  }
}

/** @returns where the keys are */
function checkServer(config: ProviderConfig, server: ServerMetadata): string {
  // The library compares URLs, in which a final slash or the case of the host may differ.
  if (server.issuer !== config.issuer) throw issuerMismatch(config)
  if (!isAddress(server.jwks_uri)) {
    throw idpUnavailable(config, 'metadata_invalid', 'names no key set in its metadata (jwks_uri)')
  }
  const start = isAddress(server.authorization_endpoint) ? new URL(server.authorization_endpoint).protocol : null
  if (start !== 'https:' && !(start === 'http:' && config.issuer.startsWith('http:'))) {
    throw idpUnavailable(config, 'metadata_invalid', 'names no usable place to sign in at in its metadata (authorization_endpoint)')
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
  return server.jwks_uri
}

function issuerMismatch(config: ProviderConfig) {
  const what = `calls itself by another issuer in its metadata than identityProviders.${config.id}.issuer; they must be equal to the last character`
  return idpUnavailable(config, 'metadata_issuer_mismatch', what)
}

function isAddress(value: unknown): value is string {
  return typeof value === 'string' && value.length <= longestAddress && URL.canParse(value)
}

function reasonOf(error: unknown): Pick<LogFields, 'reason' | 'error'> {
  const own = ownError(error)
  return own === null ? {} : { error: own.message, ...(own.reason === undefined ? {} : { reason: own.reason }) }
}
