import type { RequestHandler } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { agentClients } from '../config/native-clients.ts'
import { type AccountSession, accountPage } from '../pages/account-page.ts'
import type { ListedSession, SessionList } from '../session/session-list.ts'
import type { Bounce } from './bounce.ts'
import type { RefuseForeign } from './endpoints.ts'
import { requireSession } from './live-session.ts'
import { personName } from './person-name.ts'
import type { Proofs } from './proofs.ts'
import { exchangeOf, sendPage } from './respond.ts'
import { flat } from './sessions.ts'

/** What a sign-in asks for to know the person: it lets nobody do anything (OpenID Connect Core 1.0 §5.4, §11). */
const protocolScopes = ['openid', 'profile', 'email', 'address', 'phone', 'offline_access']

export interface AccountDeps {
  readonly config: GatewayConfig
  readonly list: SessionList
  readonly proofs: Proofs
  readonly bounce: Bounce
  readonly refuseForeign: RefuseForeign
}

/**
 * GET /auth/account: the person's sessions, each with a form that ends it. It changes nothing, so a link to it is safe,
 * wherever it stands.
 *
 * @throws {GatewayError} `cross_site_refused` where no person would see the page; the 401 of a session that is over;
 *   `store_unavailable`
 */
export function createAccount({ config, list, proofs, bounce, refuseForeign }: AccountDeps): RequestHandler {
  const { base } = config.paths
  const hasAgents = agentClients(config.native).length > 0
  const newAgentHref = hasAgents ? `${config.native?.origin.href}${config.paths.native}/agent` : null

  return async function account(req, res) {
    const exchange = exchangeOf(res)
    if (!exchange.isNavigation) refuseForeign(req, exchange)
    else if (bounce(req, res)) return
    const signedIn = requireSession(req, exchange.target.origin)
    const sessions = await list.ofUser(signedIn.record)
    const page = accountPage({
      brand: config.pages,
      person: personName(config, signedIn.vault.claims),
      sessions: flat(sessions).map(session => describe(session, session.sessionId === signedIn.sessionId)),
      newAgentHref,
      revokeOthersPath: `${base}/sessions/revoke-others`,
      formToken: proofs.formToken(signedIn.credential),
    })
    sendPage(res, page)
  }

  function describe(
    { sessionId, kind, client, agent, device, address, createdAt, touchedAt, scopes, origin, remainingCalls }: ListedSession,
    isCurrent: boolean,
  ): AccountSession {
    return {
      kind,
      client: agent === undefined ? (client?.name ?? null) : `${agent.name} (${client?.name ?? ''})`,
      device,
      address,
      // With one origin there is nothing to tell.
      site: config.origins.length > 1 ? new URL(origin).host : null,
      createdAt,
      usedAt: touchedAt,
      scopes: kind === 'browser' ? scopes.filter(scope => !protocolScopes.includes(scope)) : scopes,
      calls:
        typeof agent?.maxCalls === 'number' && remainingCalls !== undefined ? { remaining: remainingCalls, max: agent.maxCalls } : null,
      isCurrent,
      // Signing out here goes on to the provider.
      endPath: isCurrent ? `${base}/logout` : `${base}/sessions/${sessionId}/revoke`,
    }
  }
}
