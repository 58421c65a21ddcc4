import type { Request, RequestHandler, Response } from 'express'
import { type AttemptCookies, isAttemptId } from '../auth/attempt-cookies.ts'
import { readLoginParams } from '../auth/login-params.ts'
import { requireNavigation, requireOwnPage } from '../auth/navigation.ts'
import { isSame, type Proofs } from '../auth/proofs.ts'
import { exchangeOf, noteVisit, sendPage, visitOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import { deviceLabel } from '../http/device-label.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import type { Attempt, Attempts } from '../session/attempts.ts'
import type { ApprovalView, ParkedAsk } from './approval-view.ts'
import type { Begin } from './authorize.ts'
import type { Conclude } from './conclude.ts'
import { foreign, requireOwnForm } from './own-form.ts'
import { readPageForm } from './read-form.ts'
import { readTickedScopes } from './ticked-scopes.ts'

export interface ApprovalDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly clients: NativeClients
  readonly attempts: Attempts
  readonly cookies: AttemptCookies
  readonly proofs: Proofs
  readonly view: ApprovalView
  readonly begin: Begin
  readonly conclude: Conclude
  readonly audit: Audit
}

/** A parked sign-in of a native client, in the browser that began it. */
interface Parked extends ParkedAsk {
  readonly attempt: Attempt
  readonly take: () => Promise<boolean>
}

/**
 * The approval: what a native client gets, the person has said yes to, each time and in the browser in which they have
 * signed in (RFC 8252 §8.6). What the page shows is what was parked; all that comes back with the form is which of the
 * scopes the person has left in.
 */
export function createApproval(deps: ApprovalDeps): Readonly<Record<'show' | 'decide' | 'switchAccount', RequestHandler>> {
  const { config, native } = deps
  const base = `${config.paths.native}/approve`

  async function findParked(req: Request, id: string): Promise<Parked> {
    const ticket = isAttemptId(id) ? deps.cookies.find(req, id) : null
    if (ticket === null) throw new GatewayError('attempt_unknown', 'the browser holds no ticket', { reason: 'no_ticket' })
    const result = await deps.attempts.openResult(ticket)
    if (result === 'spent') throw new GatewayError('attempt_replayed', 'the approval was answered before', { reason: 'approval' })
    const ask = result === 'unknown' ? undefined : result.attempt.native
    const client = deps.clients.get(ask?.clientId ?? '')
    if (result === 'unknown' || ask === undefined || client === undefined) {
      throw new GatewayError('attempt_unknown', 'the sign-in is not there to be approved', { reason: 'no_attempt' })
    }
    // Somebody has switched it off since the form was filled in.
    if (ask.agent !== undefined && !client.delegate) {
      throw new GatewayError('attempt_unknown', 'the client makes no agents any more', { reason: 'may_not_delegate' })
    }
    return { ticket, ask, client, ...result }
  }

  function audited(res: Response, { client, ask, signIn }: Parked, outcome: 'ok' | 'refused'): void {
    const { provider, sub } = signIn
    const act = ask.agent === undefined ? {} : { act: [ask.agent.name, client.id] }
    auditOf(deps.audit, visitOf(res).trail)('approval', { client_id: client.id, ...act, provider, sub, outcome })
  }

  /** GET /oauth/approve/{attempt}: asks. It changes nothing, and may be loaded again. */
  const show: RequestHandler = async (req, res) => {
    requireNavigation(req)
    requireOwnPage(req)
    noteVisit(res, { signInPath: null })
    sendPage(res, deps.view(await findParked(req, idOf(res))))
  }

  /**
   * POST /oauth/approve/{attempt}: the person's answer, once.
   *
   * @throws {GatewayError} `bad_request`, `cross_site_refused`, `attempt_unknown`, `attempt_replayed`, `store_unavailable`
   */
  const decide: RequestHandler = async (req, res) => {
    requireNavigation(req)
    noteVisit(res, { signInPath: null })
    const form = readPageForm(req)
    requireOwnForm(req, native.origin.href)
    const parked = await findParked(req, idOf(res))
    if (!deps.proofs.isApprovalToken(parked.ticket, form.get('form_token'))) throw foreign({ reason: 'form_token' })
    // Whatever is not a clear yes is a no.
    const isApproved = isSame('approve', form.get('decision') ?? '')
    const scopes = readTickedScopes(form, parked.ask.scopes)
    // Asked once more, and nothing is spent.
    if (isApproved && scopes.length === 0) return void res.status(400).type('html').send(deps.view(parked, true))
    if (!(await parked.take())) throw new GatewayError('attempt_replayed', 'the approval was answered before', { reason: 'approval' })
    deps.cookies.clear(res, parked.ticket.id)
    audited(res, parked, isApproved ? 'ok' : 'refused')
    if (!isApproved) return await deps.conclude.deny(res, parked.ask)
    const approved = { device: deviceLabel(req.headers['user-agent']), address: exchangeOf(res).clientAddress }
    await deps.conclude.approve(res, { ...parked.ask, scopes }, { signIn: parked.signIn, begunAt: parked.attempt.begunAt, approved })
  }

  /** GET /oauth/approve/{attempt}/other-account: the same once more, with another person. */
  const switchAccount: RequestHandler = async (req, res) => {
    requireNavigation(req)
    requireOwnPage(req)
    noteVisit(res, { signInPath: null })
    const { ticket, ask, attempt, take } = await findParked(req, idOf(res))
    if (!(await take())) throw new GatewayError('attempt_replayed', 'the approval was answered before', { reason: 'approval' })
    deps.cookies.clear(res, ticket.id)
    const provider = config.identityProviders.find(({ id }) => id === attempt.provider)
    if (provider === undefined) throw new GatewayError('attempt_unknown', 'the provider is configured no more', { reason: 'no_attempt' })
    // Without the prompt a provider that remembers the person would bring them straight back.
    const asked = { prompt: 'select_account', max_age: attempt.maxAge?.toString() ?? '', acr_values: attempt.acrValues ?? '' }
    await deps.begin(req, res, provider, ask, readLoginParams(new URLSearchParams(asked), provider))
  }

  /** As it came: decoded, several spellings would name one attempt. */
  function idOf(res: Response): string {
    const [id = ''] = exchangeOf(res)
      .target.path.slice(base.length + 1)
      .split('/')
    return id
  }

  return { show, decide, switchAccount }
}
