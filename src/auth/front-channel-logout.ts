import type { RequestHandler } from 'express'
import { createAddressBrake } from '../http/address-brake.ts'
import { isPrefetch } from '../http/fetch-metadata.ts'
import { framedPageHeaders } from '../http/security-headers.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { frontChannelPage } from '../pages/front-channel-page.ts'
import type { ProviderLogout } from '../tokens/provider-logout.ts'
import { namedProvider } from './named-provider.ts'
import { sendPage, visitOf } from './respond.ts'

export interface FrontChannelLogoutDeps {
  readonly providers: ReadonlyMap<string, Provider>
  readonly providerLogout: ProviderLogout
  readonly audit: Audit
  readonly now: () => number
}

// As long as one in an ID token may be.
const longestSid = 255

/**
 * GET /auth/frontchannel-logout/{provider}: the provider's own page frames this address while it signs somebody out
 * (OpenID Connect Front-Channel Logout 1.0).
 *
 * It is another site's request in a frame, which the Strict cookie does not go along with, so the session is found by
 * the provider's name for it; without that, or with another issuer, nothing happens: anybody can make a browser come
 * here. Whatever happens, the answer is the same page.
 *
 * @throws {GatewayError} `store_unavailable`
 */
export function createFrontChannelLogout(deps: FrontChannelLogoutDeps): RequestHandler {
  const brake = createAddressBrake(deps.now)

  return async function frontChannelLogout(req, res) {
    const { exchange, trail } = visitOf(res)
    const { config } = namedProvider(deps.providers, exchange.target)
    const sid = isPrefetch(req) ? null : readSid(exchange.target.query, config.issuer)
    if (sid !== null) {
      const { clientAddress } = exchange
      // What anybody can bring about must not fill the store.
      const ended = await deps.providerLogout.bySid(config.id, sid, !brake.isOver(clientAddress))
      if (ended === 0) brake.count(clientAddress)
      else auditOf(deps.audit, trail)('provider_logout', { provider: config.id, reason: 'front_channel', outcome: 'ok' })
    }
    res.set(framedPageHeaders(new URL(config.issuer).origin)).removeHeader('x-frame-options')
    sendPage(res, frontChannelPage())
  }
}

/** Both parameters, once each and right; null otherwise (§2). */
function readSid(query: string, issuer: string): string | null {
  const params = new URLSearchParams(query)
  const [iss, sid] = [params.getAll('iss'), params.getAll('sid')]
  const [only = ''] = sid
  const isRight = iss.length === 1 && iss[0] === issuer && sid.length === 1 && only !== '' && only.length <= longestSid
  return isRight ? only : null
}
