import express, { type Request, type RequestHandler, type Response } from 'express'
import { describeError, GatewayError } from '../errors.ts'
import { createAddressBrake } from '../http/address-brake.ts'
import type { LogoutToken, Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import { describeFailure } from '../ops/log.ts'
import { auditOf } from '../ops/trail.ts'
import type { ProviderLogout } from '../tokens/provider-logout.ts'
import { bodyError } from './body-error.ts'
import { namedProvider } from './named-provider.ts'
import { exchangeOf, visitOf } from './respond.ts'

// A logout token has about 1 KiB, 16 at most; others may stand beside it.
const parse = express.raw({ type: 'urlencoded', limit: '32kb', inflate: false })

export interface BackChannelLogoutDeps {
  readonly providers: ReadonlyMap<string, Provider>
  readonly providerLogout: ProviderLogout
  readonly audit: Audit
  readonly now: () => number
}

/**
 * POST /auth/backchannel-logout/{provider}: the provider says, from server to server, that it has signed somebody out
 * (OpenID Connect Back-Channel Logout 1.0). The token alone proves it: no cookie is read, and where the request comes
 * from plays no part. Whether there was a session to end is not in the answer.
 *
 * However much junk an address has sent, a good token from there is taken: providers share addresses with their other
 * customers, who could otherwise keep people signed in here.
 *
 * @throws {GatewayError} `too_many_requests`, in place of a refusal when there were many; `body_too_large`;
 *   `idp_unavailable`, `store_unavailable`: the provider is to try again. What is wrong with the request itself is
 *   answered in the form of OAuth errors (§2.8).
 */
export function createBackChannelLogout(deps: BackChannelLogoutDeps): RequestHandler {
  const brake = createAddressBrake(deps.now)

  return async function backChannelLogout(req, res) {
    const { target, clientAddress } = exchangeOf(res)
    const provider = namedProvider(deps.providers, target)
    try {
      const token = await provider.verifyLogoutToken(readToken(await readForm(req, res)))
      await end(res, provider, token)
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code !== 'bad_request') throw error
      if (brake.isOver(clientAddress)) throw new GatewayError('too_many_requests', 'one bad logout token after the other', reasonOf(error))
      brake.count(clientAddress)
      refuse(res, provider, error)
    }
  }

  async function end(res: Response, { config: { id } }: Provider, token: LogoutToken): Promise<void> {
    const who = { provider: id, ...(token.sub === null ? {} : { sub: token.sub }) }
    const audit = auditOf(deps.audit, visitOf(res).trail)
    if (await deps.providerLogout.byToken(id, token)) {
      audit('provider_logout', { ...who, reason: 'back_channel', outcome: 'ok' })
      res.status(200).end()
    } else {
      audit('replay', { ...who, code: 'bad_request', status: 400, reason: 'logout_token', outcome: 'refused' })
      sendInvalid(res)
    }
  }

  /** The reason is for the operator: who posts what is no token needs no help with it. */
  function refuse(res: Response, { config: { id } }: Provider, error: GatewayError): void {
    const { status } = describeError(error.code)
    const fields = { provider: id, code: error.code, status, ...reasonOf(error), ...describeFailure(error) }
    auditOf(deps.audit, visitOf(res).trail)('refusal', { ...fields, outcome: 'refused' })
    sendInvalid(res)
  }
}

function reasonOf({ reason }: GatewayError): { readonly reason?: string } {
  return reason === undefined ? {} : { reason }
}

/** RFC 6749 §5.2, as §2.8 wants it. */
function sendInvalid(res: Response): void {
  res.status(400).set('sallyport-error', 'bad_request').json({ error: 'invalid_request' })
}

/** @throws {GatewayError} `bad_request` (`content_type`, `body`), `body_too_large` */
async function readForm(req: Request, res: Response): Promise<URLSearchParams> {
  if (!req.is('urlencoded')) throw new GatewayError('bad_request', 'a logout token comes in a form', { reason: 'content_type' })
  await new Promise<void>((resolve, reject) => {
    parse(req, res, error => (error === undefined ? resolve() : reject(bodyError(error))))
  })
  return new URLSearchParams(String(req.body))
}

/**
 * The one token: two have two readings. Whatever else the form holds does not count (§2.5).
 *
 * @throws {GatewayError} `bad_request` (`logout_token_form`)
 */
function readToken(form: URLSearchParams): string {
  const [token, ...others] = form.getAll('logout_token')
  if (token === undefined || others.length > 0)
    throw new GatewayError('bad_request', 'the form does not hold exactly one logout token', { reason: 'logout_token_form' })
  return token
}
