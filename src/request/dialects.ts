import type { ForwardAuthDialect } from '../config/config.ts'

/** Where a proxy's question has what it asks about. Names are in lower case. */
export interface Dialect {
  /** The header with the method; null: the question's own method. */
  readonly method: string | null
  /** The header with the host that the client asked for. */
  readonly host: string
  /** The header with path and query as the client sent them; null: what follows /verify in the question's own target. */
  readonly uri: string | null
}

const forwarded: Dialect = { method: 'x-forwarded-method', host: 'x-forwarded-host', uri: 'x-forwarded-uri' }

/**
 * The only headers that say which request a question is about. Those of the other dialects are a client's own
 * words: a proxy overwrites what it sends itself, and passes on all the rest (GHSA-7x63-xv5r-3p2x).
 *
 * - nginx: what the sample in docs/forward-auth.md has it send; by itself it sends none of them.
 * - Traefik: https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/forwardauth/
 * - Caddy: https://caddyserver.com/docs/caddyfile/directives/forward_auth
 * - HAProxy: what the Lua action of the sample sends, and what people set for haproxy-auth-request.
 * - Envoy: https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/ext_authz_filter
 */
export const dialects: Readonly<Record<ForwardAuthDialect, Dialect>> = {
  nginx: { method: 'x-original-method', host: 'host', uri: 'x-original-uri' },
  traefik: forwarded,
  caddy: forwarded,
  haproxy: forwarded,
  envoy: { method: null, host: 'host', uri: null },
}

/** What any dialect reads. X-Forwarded-For is not here: all of them have the client's address there, if anywhere. */
export const dialectNames: readonly string[] = [
  ...new Set(Object.values(dialects).flatMap(({ method, host, uri }) => [method, host, uri])),
].filter(name => name !== null)
