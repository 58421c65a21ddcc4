import type { RequestHandler } from 'express'
import { exchangeOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClient, NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import { resourceMetadataPath } from '../http/handle-challenge.ts'
import { delegationType } from './delegation-limits.ts'
import type { Resources } from './resources.ts'

/** Where the authorization server describes itself (RFC 8414 §3). Its issuer has no path. */
export const serverMetadataPath = '/.well-known/oauth-authorization-server'

/** What a metadata document is worth: it changes with the configuration alone. */
const caching = 'public, max-age=300'

/** GET /.well-known/oauth-authorization-server (RFC 8414). */
export function createServerMetadata(
  { paths }: Pick<GatewayConfig, 'paths'>,
  native: NativeConfig,
  grantTypes: readonly string[],
): RequestHandler {
  const issuer = native.origin.href
  const at = (path: string) => `${issuer}${paths.native}${path}`
  const hasDevices = native.clients.some(({ device }) => device)
  const redirected = native.clients.filter(({ redirects }) => redirects.length > 0)
  const isForAll = (holds: (client: NativeClient) => boolean) =>
    redirected.length > 0 && redirected.every(holds) && native.clientIdMetadata === undefined
  const metadata = {
    issuer,
    authorization_endpoint: at('/authorize'),
    token_endpoint: at('/token'),
    revocation_endpoint: at('/revoke'),
    pushed_authorization_request_endpoint: at('/par'),
    ...(hasDevices ? { device_authorization_endpoint: at('/device_authorization') } : {}),
    response_types_supported: ['code'],
    // Of the server as a whole: what one client must do alone, others need not (RFC 9126 §5).
    ...(isForAll(({ par }) => par === 'require') ? { require_pushed_authorization_requests: true } : {}),
    response_modes_supported: isForAll(({ responseMode }) => responseMode === 'form_post') ? ['form_post'] : ['query', 'form_post'],
    grant_types_supported: grantTypes,
    ...(native.clients.some(({ delegate }) => delegate) ? { authorization_details_types_supported: [delegationType] } : {}),
    code_challenge_methods_supported: ['S256'],
    token_endpoint_auth_methods_supported: ['none'],
    revocation_endpoint_auth_methods_supported: ['none'],
    scopes_supported: [...new Set([...native.clients.flatMap(({ scopes }) => scopes), ...(native.clientIdMetadata?.scopes ?? [])])],
    authorization_response_iss_parameter_supported: true,
    ...(native.clientIdMetadata === undefined ? {} : { client_id_metadata_document_supported: true }),
    // Ours (RFC 8414 §2 leaves room): where /session and /sessions are, on the origins of the routes.
    sallyport_base_path: paths.base,
  }
  return (_req, res) => {
    res.set('cache-control', caching).json(metadata)
  }
}

/**
 * GET /.well-known/oauth-protected-resource[/path] (RFC 9728): by whom programs are let in to a route. It is found on
 * the origin of the route, wherever the authorization server is.
 *
 * @throws {GatewayError} `no_route` where programs cannot get in
 */
export function createResourceMetadata(native: NativeConfig, resources: Resources): RequestHandler {
  return (_req, res) => {
    const { target } = exchangeOf(res)
    const path = target.path.slice(resourceMetadataPath.length)
    const routes = resources.find(target.origin.href, path)
    if (routes.length === 0) throw new GatewayError('no_route', 'there is nothing for programs at this address')
    const scopes = [...new Set(routes.flatMap(({ require }) => require.scopes))]
    res.set('cache-control', caching).json({
      // As it was asked for: a client compares it with what it wants to reach (RFC 9728 §3.3).
      resource: target.origin.href + path,
      authorization_servers: [native.origin.href],
      bearer_methods_supported: ['header'],
      ...(scopes.length === 0 ? {} : { scopes_supported: scopes }),
    })
  }
}
