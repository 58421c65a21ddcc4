import type { KeyObject } from 'node:crypto'
import type { NativeConfig } from './native-config.ts'
import type { StoreConfig } from './store-config.ts'

/**
 * The configuration after all checks: what the rest of the program reads. Deeply frozen.
 *
 * Names follow contract.md section 7; durations have become milliseconds, sizes bytes, secrets their values.
 */
export interface GatewayConfig {
  /** What browsers see; the first is the default. */
  readonly origins: readonly [Origin, ...Origin[]]
  /** The same, and that of the native clients' sign-in where it has its own: every authority that requests may name. */
  readonly servedOrigins: readonly Origin[]
  readonly listen: {
    readonly host: string
    readonly port: number
    /** CIDR blocks of the proxies whose Forwarded and X-Forwarded-* are believed. Empty: nobody's. */
    readonly trustedProxies: readonly string[]
    /** Of this process. */
    readonly maxConnections: number
    readonly tls?: { readonly cert: Buffer; readonly key: Buffer }
  }
  /** Without it nobody asks how the program is. */
  readonly probes?: { readonly host: string; readonly port: number }
  /** Without it nobody administers over the network. */
  readonly admin?: { readonly host: string; readonly port: number; readonly tokens: readonly AdminToken[] }
  /** Without it no proxy can ask. */
  readonly forwardAuth?: { readonly host: string; readonly port: number; readonly dialect: ForwardAuthDialect }
  readonly paths: { readonly base: string; readonly native: string; readonly device: string }
  /** In the order of the file, which is the order of the chooser page. */
  readonly identityProviders: readonly ProviderConfig[]
  readonly session: SessionConfig
  /** The first signs what routes assert, all are published. Empty: none does. */
  readonly assertionKeys: readonly AssertionKey[]
  readonly csrf: { readonly mode: 'fetch-metadata' | 'header'; readonly allowedOrigins: readonly string[] }
  /** `landing`: a path on the request's own origin; without it a signed-out page is shown. */
  readonly logout: { readonly landing?: string }
  readonly pages: { readonly name: string; readonly logo?: string; readonly support?: string }
  readonly routes: readonly RouteRule[]
  /** Without it no native client signs in. */
  readonly native?: NativeConfig
  readonly audit: { readonly output: 'stdout' | { readonly file: string }; readonly subject: 'plain' | 'hmac' }
  /** Whose lines they are, in the log and the audit. */
  readonly telemetry: { readonly serviceName: string }
  readonly log: { readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'silent' }
}

/** One of the origins that browsers see. */
export interface Origin {
  /** Serialised as the URL standard does: `https://app.example.com`, `http://localhost:8080`. */
  readonly href: string
  /** What Host says: lower case, the default port left out. */
  readonly authority: string
  /** Whether the origin is https, whatever the socket says. */
  readonly isSecure: boolean
}

/** A provider: an IdP as configured. */
export interface ProviderConfig {
  /** Its name in the config, in URLs, in the audit and in the pair (provider, sub). */
  readonly id: string
  /** Compared as an exact string. */
  readonly issuer: string
  /** Where to send requests instead of the issuer's own origin; the issuer is still compared. */
  readonly connectTo?: string
  /** Shown on the chooser page. */
  readonly label: string
  readonly clientId: string
  readonly clientAuth: ClientAuth
  readonly tls?: {
    /** PEM of the certificate authorities believed for this provider, in place of the system's. */
    readonly ca?: Buffer
    /** PEM of our certificate and its key; both or neither. */
    readonly cert?: Buffer
    readonly key?: Buffer
  }
  readonly scopes: readonly string[]
  readonly authorizationParams: Readonly<Record<string, string>>
  /** Names that /auth/login may pass through beside the standard ones. */
  readonly loginParams: readonly string[]
  /** How the provider's answer comes back: in the callback's query, or as a form that the browser posts. */
  readonly responseMode: 'query' | 'form_post'
  /** By which parameter the provider is told whom a token is for; `resource` is RFC 8707. */
  readonly audienceParameter: 'resource' | 'audience' | 'none'
  /** Pushed authorization requests: where the provider offers them, always, or never (RFC 9126). */
  readonly par: 'auto' | 'require' | 'off'
  readonly allow: 'everyone' | AllowRules
  /** Claim name to where its value comes from. */
  readonly claims: Readonly<Record<string, ClaimSource>>
  readonly logout: { readonly hint: 'logout_hint' | 'id_token_hint' | 'none'; readonly params: Readonly<Record<string, string>> }
  readonly timeoutMs: number
  readonly clockToleranceMs: number
}

/** How we prove to the provider that it is us; the names are the registered ones. */
export type ClientAuth =
  | { readonly method: 'client_secret_basic' | 'client_secret_post'; readonly secret: string }
  | {
      readonly method: 'private_key_jwt'
      /** Of the algorithm's kind; RSA keys have 2048 bits or more. */
      readonly key: KeyObject
      readonly keyId?: string
      readonly algorithm: 'PS256' | 'ES256' | 'EdDSA'
      /** What the assertion is for: the issuer (RFC 10070), or the token endpoint for a provider that still wants that. */
      readonly audience: 'issuer' | 'token_endpoint'
    }
  /** The certificate is `tls.cert` (RFC 8705 §2). */
  | { readonly method: 'tls_client_auth' }
  /** An assertion that somebody else writes, such as Kubernetes; read anew for every use (RFC 7523 §2.2). */
  | { readonly method: 'client_assertion'; readonly assertionFile: string }

/** Who may sign in: every rule that is present must be met; within one rule any value is enough. */
export interface AllowRules {
  /** Lower case, whole label sequences: `example.com` does not let `badexample.com` in. Needs email_verified. */
  readonly emailDomains?: readonly string[]
  /** Lower case. Needs email_verified. */
  readonly emails?: readonly string[]
  readonly claims?: Readonly<Record<string, readonly string[]>>
}

export interface ClaimSource {
  readonly from: readonly ('id_token' | 'userinfo')[]
  /** Member names from the outermost in. */
  readonly path: readonly string[]
}

export interface SessionConfig {
  readonly store: StoreConfig
  readonly cookie: { readonly name: string; readonly insecure: boolean }
  /** The first signs, all verify. */
  readonly cookieKeys: readonly [string, ...string[]]
  /** The first seals, all open. 32 bytes each. */
  readonly sealingKeys: readonly [SealingKey, ...SealingKey[]]
  readonly idleTimeoutMs: number
  readonly absoluteTimeoutMs: number
  /** How many sessions of one user live at once; beyond it the oldest ends. */
  readonly perUserLimit: number
  /** How many sign-ins may be begun. */
  readonly attempts: { readonly perMinute: { readonly address: number; readonly all: number } }
  /** The claims that GET /auth/session shows, and no others. */
  readonly claims: readonly string[]
  readonly sealing: 'holder' | 'gateway'
}

export interface SealingKey {
  /** Public: it stands in every record. 1 to 32 characters of A-Z a-z 0-9 _ -. */
  readonly id: string
  readonly key: Buffer
}

/** What a route attaches as Authorization. `passthrough`: whatever the client sent, unchanged. */
export type RouteToken = TokenDemand | ClientTokenDemand | { readonly kind: 'passthrough' }

/** A token that comes of the session's grant, and that its vault keeps. */
export interface TokenDemand {
  /**
   * `access`: the sign-in's own; `id_token`: its ID token; `audience`: drawn from the grant by a refresh; `exchange`:
   * given in exchange for the sign-in's own (RFC 8693).
   */
  readonly kind: 'access' | 'id_token' | 'audience' | 'exchange'
  /** Under which it is kept: '' for the sign-in's own; another for all that is another token. */
  readonly slot: string
  readonly audience: string | null
  /** An absolute URI; for an exchange alone. */
  readonly resource: string | null
  /** To ask for, in the order of the alphabet. Empty: whatever the provider gives. */
  readonly scopes: readonly string[]
}

/** A token of the gateway's own, by its client credentials. */
export interface ClientTokenDemand {
  readonly kind: 'client'
  readonly slot: string
  /** The id of the provider that gives it. */
  readonly provider: string
  readonly audience: string
  /** As in TokenDemand. */
  readonly scopes: readonly string[]
}

/** What an administrator's program presents. */
export interface AdminToken {
  /** Public: it stands in the audit. */
  readonly id: string
  readonly token: string
}

/** A key that signs X-Auth-Assertion. */
export interface AssertionKey {
  /** Public: the `kid`. 1 to 32 characters of A-Z a-z 0-9 _ -. */
  readonly id: string
  /** Private, on P-256. */
  readonly key: KeyObject
}

/** Whose way of asking about a request is understood: src/request/dialects.ts. */
export type ForwardAuthDialect = 'nginx' | 'traefik' | 'caddy' | 'haproxy' | 'envoy'

/** Where a route's requests go. */
export type Upstream = ServerUpstream | FileUpstream | NoUpstream

/** One server, or several that do the same, among which requests are spread. */
export interface ServerUpstream {
  readonly kind: 'servers'
  readonly addresses: readonly [UpstreamAddress, ...UpstreamAddress[]]
  /** For the https ones; their certificates are always verified. */
  readonly tls: {
    /** PEM of the certificate authorities believed for this upstream, in place of the system's. */
    readonly ca?: Buffer
    /** PEM of our certificate and its key; both or neither. */
    readonly cert?: Buffer
    readonly key?: Buffer
    /** What to ask for and to find in the certificate, in place of the address's host. */
    readonly serverName?: string
  }
}

export interface UpstreamAddress {
  /** As configured: an origin, http or https, or `unix:/path/to.sock`. */
  readonly name: string
  /** Its own origin, as requests name it; `http://localhost` for a socket. */
  readonly origin: string
  /** Absolute; null for one that is reached over the network. */
  readonly socketPath: string | null
}

/** A folder on this machine. */
export interface FileUpstream {
  readonly kind: 'files'
  /** Absolute. */
  readonly folder: string
  /** Relative to the folder: what page loads get where there is no file. Null: 404. */
  readonly fallback: string | null
}

/** There is none: a proxy serves the route, and only asks about it, by forward-auth. */
export interface NoUpstream {
  readonly kind: 'none'
}

/** A configured path prefix with an upstream and rules. */
export interface RouteRule {
  /** The path as configured; also its label in logs and metrics. */
  readonly path: string
  readonly kind: 'page' | 'api'
  /** The origins it is served on. */
  readonly origins: readonly Origin[]
  /** Null: all but TRACE and CONNECT. */
  readonly methods: readonly string[] | null
  readonly upstream: Upstream
  /** Whether the upstream is asked without the route's path. */
  readonly stripPrefix: boolean
  readonly preserveHost: boolean
  readonly encodedSlash: 'refuse' | 'pass'
  readonly access: 'signed-in' | 'optional' | 'anyone'
  readonly require: {
    /** All of them. */
    readonly scopes: readonly string[]
    /** Every claim named; any of the values. */
    readonly claims: Readonly<Record<string, readonly string[]>>
    /** Any of them; empty: no demand. */
    readonly acr: readonly string[]
    /** How long ago the person may have authenticated, at most. */
    readonly maxAgeMs?: number
  }
  /** Null: none is attached. */
  readonly token: RouteToken | null
  /** Null: no X-Auth-Assertion is set. */
  readonly assertion: { readonly audience: string } | null
  /** Header name to claim name; `sub` and `provider` are always there. Only with a session. */
  readonly identityHeaders: Readonly<Record<string, string>>
  readonly setHeaders: Readonly<Record<string, string>>
  readonly timeouts: { readonly connectMs: number; readonly headersMs: number; readonly idleMs: number }
  readonly limits: {
    readonly bodyBytes: number
    /** Null: requests are not counted. */
    readonly perMinute: RequestRates | null
  }
  /** Null: no WebSocket is opened through the route. */
  readonly websocket: {
    /** Origins whose pages may open one beside the request's own, serialised. */
    readonly origins: readonly string[]
    /** What counts as activity of the session: the handshake alone, or messages of the client as well. */
    readonly activity: 'handshake' | 'frames'
  } | null
}

/** How many requests a minute a route takes; null: as many as come. */
export interface RequestRates {
  /** From each session, or from each address where there is none. */
  readonly caller: number | null
  readonly session: number | null
  /** From all sessions of one user. */
  readonly user: number | null
  /** From each address; of IPv6 from each /64. */
  readonly address: number | null
  /** From everybody. */
  readonly route: number | null
}
