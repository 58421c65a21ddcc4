import type { Response } from 'express'
import { exchangeOf, sendPage, visitOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import { agentHandlePage } from '../pages/agent-handle-page.ts'
import type { AgentAsk } from '../session/attempts.ts'
import { createCredential, type Random } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import { formatHandle } from '../session/handle.ts'
import type { Approved } from './begin-session.ts'
import type { KeepSession } from './keep-session.ts'

/**
 * Makes the agent session that a person has approved for themself, and shows them its handle: by this answer alone. It is
 * a root with a grant of its own, and hands nothing on.
 *
 * @throws {GatewayError} `attempt_unknown` where the configuration has taken all of it away since; what `KeepSession` throws
 */
export type BeginAgent = (res: Response, agent: AgentAsk, approved: Approved) => Promise<void>

export interface BeginAgentDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly clients: NativeClients
  readonly families: Pick<Families, 'create'>
  readonly keep: KeepSession
  readonly random: Random
}

export function createBeginAgent({ config, native, clients, families, keep, random }: BeginAgentDeps): BeginAgent {
  return async function beginAgent(res, { lifeMs, ...limits }, given) {
    const { ask, signIn, approved, approvedAt } = given
    const client = clients.get(ask.clientId)
    const scopes = clients.stillAllowed(ask.clientId, ask.scopes)
    if (client === undefined || scopes.length === 0) {
      throw new GatewayError('attempt_unknown', 'the client may ask for none of it any more', { reason: 'scopes_taken_away' })
    }
    const credential = createCredential(random)
    const { id, name } = client
    const act = [limits.name, id]
    await families.create(credential, signIn, {
      origin: native.origin.href,
      ...approved,
      client: { id, name, resources: ask.resources, scopes, redeemedFrom: exchangeOf(res).clientAddress, codeHash: null },
      agent: { ...limits, parent: null, act, sharedBudgets: [], delegates: false, lifeMs },
    })
    await keep(credential, given, visitOf(res).trail, { kind: 'agent', client_id: id, act })
    const page = agentHandlePage({
      brand: config.pages,
      agent: limits,
      handle: formatHandle(credential),
      scopes,
      until: approvedAt + lifeMs,
      accountHref: `${config.origins[0].href}${config.paths.base}/account`,
      revokeHref: `${native.origin.href}${config.paths.native}/revoke`,
    })
    sendPage(res, page)
  }
}
