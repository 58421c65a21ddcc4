import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { type Random, randomToken } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import { parseHandle } from '../session/handle.ts'
import { budgetsOf } from '../session/members.ts'
import type { AgentGrant, Credential, SignedIn } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import { readScopes } from './authorization-request.ts'
import { tokenAnswer } from './begin-session.ts'
import { type DelegationLimits, delegationType, isWithin, readDelegationLimits } from './delegation-limits.ts'
import { OAuthError } from './oauth-error.ts'
import { narrowResources, type Resources } from './resources.ts'
import type { Grant, TokenRequest } from './token.ts'

export const exchangeGrantType = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

/** How many can stand behind one another, the client itself not counted: an audit line has room for so many, and people too. */
const deepest = 3
/** How many live in one family, the root among them. */
const mostMembers = 21
/** Each leaves a trace in the store for an hour after its end: one that ends and begins them in turn must not fill it. */
const mostPerMinute = 60

export interface ExchangeDeps {
  readonly families: Families
  readonly resources: Resources
  readonly admitWithin: AdmitWithin
  readonly audit: Audit
  readonly random: Random
  readonly now: () => number
}

/**
 * The grant of RFC 8693: for a handle, another one that may do less, for an agent. It belongs to the same family: the
 * same tokens, which the agent never sees, and an end no later than that of whoever handed it on.
 */
export function createExchange({ families, resources, admitWithin, audit, random, now }: ExchangeDeps): Grant {
  async function readSubject({ client, params }: TokenRequest): Promise<SignedIn> {
    if (params.get('subject_token_type') !== accessTokenType) throw new OAuthError('invalid_request', 'The subject token must be a handle.')
    if ((params.get('requested_token_type') ?? accessTokenType) !== accessTokenType || params.has('actor_token')) {
      throw new OAuthError('invalid_request', 'There is a handle to be had, for no other actor than the client.')
    }
    const credential = parseHandle(params.get('subject_token') ?? '')
    const family = credential === null ? null : await families.read(credential)
    if (family?.state !== 'live' || family.signedIn.record.client?.id !== client.id) {
      // RFC 8693 §2.2.2: this very name.
      throw new OAuthError('invalid_request', 'The subject token opens no session of this client.', { reason: 'subject_token' })
    }
    return family.signedIn
  }

  return async function exchange(request) {
    const { client, params, trail } = request
    const parent = await readSubject(request)
    trail.subject = subjectOf(parent)
    const own = parent.record.agent
    if (!client.delegate || own?.delegates === false) {
      throw new OAuthError('unauthorized_client', 'This session may hand nothing on.', { reason: 'may_not_delegate' })
    }
    if ((own?.act.length ?? 1) > deepest)
      throw new OAuthError('invalid_request', 'Too many agents stand behind one another.', { reason: 'too_deep' })

    const limits = readDelegationLimits(params.get('authorization_details'))
    if (own !== undefined && !isWithin(limits, own))
      throw new OAuthError('invalid_authorization_details', 'An agent hands on less than it has.')
    const scopes = readScopes(params.get('scope'), parent.record.scopes)
    const child: Credential = { familyId: parent.credential.familyId, member: randomToken(random, 12), secret: randomToken(random, 32) }
    const lifeMs = Math.min(limits.seconds * 1000, parent.record.absoluteExpiresAt - now())
    const asked = resources.read([...params.getAll('resource'), ...params.getAll('audience')])
    const agent = agentOf(parent, limits)
    const clientGrant = {
      id: client.id,
      name: client.name,
      resources: narrowResources(parent.record.client?.resources ?? null, asked),
      redeemedFrom: request.exchange.clientAddress,
      codeHash: null,
    }
    await admitWithin([{ kind: 'delegations', perMinute: mostPerMinute, whose: [child.familyId] }])
    const delegation = { scopes, client: clientGrant, agent, lifeMs, address: request.exchange.clientAddress }
    if (!(await families.delegate(parent, child, delegation, mostMembers))) {
      throw new OAuthError('invalid_request', 'So many agents live already, or the session has just ended.', { reason: 'too_many_agents' })
    }

    const sessionId = `${child.familyId}.${child.member}`
    auditOf(audit, trail)('delegation', { session_id: sessionId, kind: 'agent', act: agent.act, outcome: 'ok' })
    return {
      ...tokenAnswer(child, scopes, lifeMs),
      issued_token_type: accessTokenType,
      authorization_details: [describe(limits, lifeMs)],
    }
  }
}

function agentOf({ credential, record }: SignedIn, { name, routes, maxCalls, delegates }: DelegationLimits): AgentGrant {
  const behind = record.agent?.act ?? [record.client?.id ?? '']
  const sharedBudgets = budgetsOf(credential.member, record)
  return { name, parent: credential.member, act: [name, ...behind], routes, maxCalls, sharedBudgets, delegates }
}

/** As it was granted, which may be shorter than it was asked for (RFC 9396 §7). */
function describe({ name, routes, maxCalls, delegates }: DelegationLimits, lifeMs: number): object {
  return {
    type: delegationType,
    name,
    ...(routes === null ? {} : { routes }),
    ...(maxCalls === null ? {} : { max_calls: maxCalls }),
    expires_in: Math.floor(lifeMs / 1000),
    delegate: delegates,
  }
}
