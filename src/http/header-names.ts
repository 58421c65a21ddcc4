/**
 * The headers that a client must not be able to put before an upstream, by their normalised name. Other
 * lists are in response-headers.ts; docs/proxying.md shows all of them to operators.
 */

/** How CGI, WSGI, PHP and the like fold a header's name, so that all its spellings become one. */
export function normaliseName(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-')
}

/** Who a request is for, signed by us (src/request/assertion.ts). A client's own is dropped as all of X-Auth-* is. */
export const assertionHeader = 'x-auth-assertion'

/** RFC 9110 §7.6.1, with those that nobody names in Connection although they mean only this hop. */
export const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'proxy-authenticate',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/**
 * Whether an upstream might believe that a header came from its proxy: who the user is, where the request
 * came from, or that it is really another request. Only we say such things.
 */
export function isProxyWord(normalised: string): boolean {
  if (words.has(normalised)) return true
  // grpc-web's own User-Agent.
  if (normalised === 'x-user-agent') return false
  for (const prefix of prefixes) if (normalised.startsWith(prefix)) return true
  return false
}

const words: ReadonlySet<string> = new Set([
  // The credentials of this hop or of another scheme than ours.
  'authorization',
  'dpop',
  'x-access-token',
  'x-id-token',
  'x-jwt-assertion',
  'client-cert',
  'client-cert-chain',
  'x-client-cert',
  // Where the request came from, beside X-Forwarded-*.
  'forwarded',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'cf-connecting-ip',
  'x-cluster-client-ip',
  'front-end-https',
  'x-url-scheme',
  'x-scheme',
  'x-host',
  // That it is another request: path, host or method.
  'x-rewrite-url',
  'x-rewrite-uri',
  'x-override-url',
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
  // Where the upstream should find things: httpoxy (CVE-2016-5385), Rack::Sendfile (CVE-2025-61780).
  'proxy',
  'x-sendfile-type',
  'x-accel-mapping',
])

const prefixes = [
  'sallyport-',
  'x-forwarded-',
  'x-original-',
  'x-auth-',
  'x-authenticated-',
  'x-authentik-',
  'x-user',
  'x-remote-',
  'remote-',
  'x-webauth-',
  'x-ssl-client-',
  'ssl-client-',
  'x-goog-authenticated-',
  'x-goog-iap-',
  'x-amzn-oidc-',
  'x-ms-client-principal',
  'x-ms-token-',
  'cf-access-',
  'x-pomerium-',
] as const
