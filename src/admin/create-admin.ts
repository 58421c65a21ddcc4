import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AdminToken } from '../config/config.ts'
import { describeError, GatewayError } from '../errors.ts'
import { clientAddress, createTrustedProxies } from '../http/client-address.ts'
import { sendProblem } from '../http/problem.ts'
import { refuseRepeatedHeaders } from '../http/repeated-headers.ts'
import { requestId } from '../http/request-id.ts'
import { createAnswerHeaders } from '../http/security-headers.ts'
import type { Audit } from '../ops/audit.ts'
import type { LogFields } from '../ops/fields.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import { type Trail, trailFields, writeRequest } from '../ops/trail.ts'
import type { Administered } from './administered.ts'
import { createAuthenticate } from './authenticate.ts'
import { readCall } from './read-call.ts'

export interface AdminDeps {
  readonly tokens: readonly AdminToken[]
  readonly administered: Administered
  readonly audit: Audit
  readonly log: Log
  readonly now: () => number
}

/**
 * Creates the listener of the admin port (contract.md section 10, docs/admin.md). Programs call it, with a token;
 * no cookie is ever read, and a browser's page is refused. The audit has one line for every request: who, what, whom.
 */
export function createAdmin(deps: AdminDeps): RequestListener {
  const { audit, log, now } = deps
  const authenticate = createAuthenticate(deps)
  // What X-Forwarded-For says here is anybody's word.
  const nobody = createTrustedProxies([])

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const trail = openTrail(req)
    res.once('close', () => writeRequest(log, trail, res.statusCode, now))
    let who: LogFields = {}
    let what: LogFields = {}
    try {
      refuseRepeatedHeaders(req)
      refuseBrowsers(req)
      who = { key_id: authenticate(req) }
      const call = readCall(req, trail)
      what = { reason: call.reason, ...call.whom }
      const answer = await call.run(deps.administered)
      audit('admin', { ...trailFields(trail), ...who, ...what, outcome: 'ok' })
      send(res, answer, trail)
    } catch (error) {
      report(error, trail, { ...who, ...what })
      sendProblem(res, error, { requestId: trail.requestId, isSecure: false })
    }
  }

  function openTrail(req: IncomingMessage): Trail {
    return {
      requestId: requestId(req),
      method: req.method ?? '',
      clientAddress: clientAddress(req, nobody),
      userAgent: req.headers['user-agent'],
      startedAt: now(),
      arrivedAt: 0,
      trace: null,
      route: undefined,
      subject: undefined,
      outcome: 'ok',
    }
  }

  /** In the audit what somebody tried, in the log what went wrong here. */
  function report(error: unknown, trail: Trail, known: LogFields): void {
    const expected = error instanceof GatewayError ? error : null
    const { status, log: level } = expected === null ? { status: 500, log: 'error' as const } : describeError(expected.code)
    const fields = {
      ...trailFields(trail),
      status,
      ...(expected === null ? {} : { code: expected.code }),
      ...(expected?.reason === undefined ? {} : { reason: expected.reason }),
      ...known,
    }
    audit('admin', { ...fields, outcome: status >= 500 ? 'failed' : 'refused' })
    if (expected === null) log.write('error', 'unexpected_error', { ...fields, ...describeFailure(error) })
    else if (status >= 500) log.write(level, 'request_failed', { ...fields, ...describeFailure(error) })
  }

  return (req, res) => void serve(req, res)
}

/** No page has business here, wherever it comes from: a page of this very port is one whose name was rebound to us. */
function refuseBrowsers(req: IncomingMessage): void {
  const { origin, 'sec-fetch-site': site } = req.headers
  if (site !== undefined && site !== 'none') throw new GatewayError('cross_site_refused', 'a page calls', { reason: 'sec_fetch_site' })
  if (origin !== undefined) throw new GatewayError('cross_site_refused', 'a page calls', { reason: 'origin' })
}

function send(res: ServerResponse, answer: object | null, trail: Trail): void {
  const headers = ['cache-control', 'no-store', 'x-request-id', trail.requestId, ...createAnswerHeaders({ isSecure: false })]
  if (answer === null) {
    res.writeHead(204, headers).end()
    return
  }
  const text = JSON.stringify(answer)
  headers.push('content-type', 'application/json; charset=utf-8', 'content-length', String(Buffer.byteLength(text)))
  res.writeHead(200, headers).end(text)
}
