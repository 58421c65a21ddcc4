import type { Request } from 'express'
import type { GatewayConfig, Origin } from '../config/config.ts'
import { findCookie } from '../http/cookies.ts'
import type { Credential } from '../session/session.ts'
import { endedReason, liveSession } from './live-session.ts'

export interface LapsedDeps {
  readonly config: Pick<GatewayConfig, 'session'>
  readonly cookie: { readonly name: string }
  readonly readCookie: (raw: string) => Credential | null
}

/**
 * How long ago the person may have authenticated at the provider, in seconds, to be let in again by this browser;
 * undefined where that does not matter.
 */
export type FreshAfterLapse = (req: Request, origin: Origin) => number | undefined

/**
 * Creates the answer to a session that is over: a browser which still shows its cookie is not let in again silently,
 * only because the provider has not forgotten the person (NIST SP 800-63B-4 §5.2, SES-09). The person must have
 * authenticated within the time that the clock which ran out allows; any session here was older than that.
 *
 * A session of which nobody remembers why it is over counts as one that was not used.
 */
export function createFreshAfterLapse({ config, cookie, readCookie }: LapsedDeps): FreshAfterLapse {
  const { idleTimeoutMs, absoluteTimeoutMs } = config.session

  return function freshAfterLapse(req, origin) {
    const { value, count } = findCookie(req.headers.cookie, cookie.name)
    if (count !== 1 || readCookie(value) === null) return undefined
    if (liveSession(req, origin) !== null) return undefined
    return Math.floor((endedReason(req) === 'expired' ? absoluteTimeoutMs : idleTimeoutMs) / 1000)
  }
}
