import { GatewayError } from '../errors.ts'
import type { Target } from '../http/exchange.ts'
import type { Provider } from '../oidc/provider.ts'
import { lastSegment } from './respond.ts'

/**
 * The provider that the last segment of a path names.
 *
 * @throws {GatewayError} `no_route`
 */
export function namedProvider(providers: ReadonlyMap<string, Provider>, target: Target): Provider {
  const provider = providers.get(lastSegment(target))
  if (provider === undefined) throw new GatewayError('no_route', 'no such identity provider')
  return provider
}
