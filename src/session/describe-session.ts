import { isoTime } from '../http/iso-time.ts'
import type { AgentGrant, ClientGrant, SessionRecord } from './session.ts'
import type { ListedSession } from './session-list.ts'

/** What of a session is told, with the names that all our JSON has for it (contract.md section 5). */
export function describeSession(
  sessionId: string,
  session: Pick<SessionRecord, 'kind' | 'createdAt' | 'authTime' | 'acr' | 'amr' | 'idleExpiresAt' | 'absoluteExpiresAt'> & {
    readonly client?: Omit<ClientGrant, 'codeHash'>
    readonly agent?: AgentGrant
    /** How many calls an agent may still make, where that is limited. */
    readonly remainingCalls?: number
  },
) {
  return {
    session_id: sessionId,
    kind: session.kind,
    created_at: isoTime(session.createdAt),
    auth_time: isoTime(session.authTime),
    acr: session.acr,
    amr: session.amr,
    idle_expires_at: isoTime(session.idleExpiresAt),
    absolute_expires_at: isoTime(session.absoluteExpiresAt),
    ...(session.client === undefined ? {} : { client: describeClient(session.client) }),
    ...(session.agent === undefined ? {} : { agent: describeAgent(session.agent, session.remainingCalls) }),
  }
}

/**
 * Likewise one of a list, with what tells it from the others.
 *
 * @param currentId the session that asks, when one does: it finds itself marked
 */
export function describeListedSession(session: ListedSession, currentId?: string): object {
  return {
    ...describeSession(session.sessionId, session),
    last_used_at: isoTime(session.touchedAt),
    device: session.device,
    address: session.address,
    scopes: session.scopes,
    origin: session.origin,
    ...(currentId === undefined ? {} : { current: session.sessionId === currentId }),
    children: session.children.map(child => describeListedSession(child, currentId)),
  }
}

/** Which program a handle was given to, and where it was. */
function describeClient({ id, name, resources, redeemedFrom }: Omit<ClientGrant, 'codeHash'>): object {
  return { client_id: id, name, ...(resources === null ? {} : { resources }), redeemed_from: redeemedFrom }
}

function describeAgent({ name, act, routes, maxCalls, delegates }: AgentGrant, remainingCalls: number | undefined): object {
  return {
    name,
    act,
    ...(routes === null ? {} : { routes }),
    ...(maxCalls === null ? {} : { max_calls: maxCalls }),
    ...(remainingCalls === undefined ? {} : { remaining_calls: remainingCalls }),
    delegates,
  }
}
