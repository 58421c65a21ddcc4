import type { GatewayConfig, RequestRates, RouteRule } from '../config/config.ts'
import { networkOf } from '../http/client-address.ts'
import type { Exchange } from '../http/exchange.ts'
import type { SignedIn } from '../session/session.ts'
import type { AdmitWithin, Limit } from '../store/limiter.ts'
import type { PresentedSession } from './session.ts'

export interface LimitStageDeps {
  readonly config: Pick<GatewayConfig, 'routes'>
  readonly admitWithin: AdmitWithin
}

/**
 * Creates the stage that holds a route's limits of requests a minute.
 *
 * Whose a cookie is the signature on it says before the store is asked, so all but the limit by user are counted in the
 * same tick in which the session is read. A request that another site began does not count: it would use up what is
 * the person's.
 */
export function createLimitStage({ config, admitWithin }: LimitStageDeps) {
  // Each route counts for itself; its place in the file may move.
  const names = new Map(config.routes.map(route => [route, [route.path, ...route.origins.map(({ href }) => href)].join(' ')]))
  const nameOf = (route: RouteRule) => names.get(route) ?? ''

  function limitsOf(rates: RequestRates, exchange: Exchange, route: RouteRule, { credential }: PresentedSession): Limit[] {
    const limits: Limit[] = []
    const add = (kind: Limit['kind'], perMinute: number, ...whose: readonly string[]) =>
      limits.push({ kind, perMinute, whose: [nameOf(route), ...whose] })
    // Who shows no session where one is needed is refused: that must use up nothing of what is for all.
    if (rates.route !== null && (credential !== null || route.access !== 'signed-in')) add('route', rates.route)
    if (rates.address !== null) add('address', rates.address, networkOf(exchange.clientAddress))
    if (credential !== null) {
      const perSession = rates.session ?? rates.caller
      // With all that it has handed on to: else whoever hands on multiplies what is theirs.
      if (perSession !== null) add('session', perSession, credential.familyId)
    } else if (rates.caller !== null) add('address', rates.caller, networkOf(exchange.clientAddress))
    return limits
  }

  return {
    /**
     * Counts the request. Null where nothing counts, without any cost.
     *
     * @throws {GatewayError} `too_many_requests`, at once or by the promise
     */
    countRequest(exchange: Exchange, route: RouteRule, presented: PresentedSession): Promise<unknown> | null {
      const rates = route.limits.perMinute
      if (rates === null) return null
      const limits = limitsOf(rates, exchange, route, presented)
      return limits.length === 0 ? null : admitWithin(limits)
    },

    /** The same by user, who is known once the session is read. @throws {GatewayError} `too_many_requests` */
    async countUser(route: RouteRule, signedIn: SignedIn | null): Promise<void> {
      const perMinute = route.limits.perMinute?.user ?? null
      if (perMinute === null || signedIn === null) return
      const { provider, sub } = signedIn.record
      await admitWithin([{ kind: 'user', perMinute, whose: [nameOf(route), provider, sub] }])
    },
  }
}

/** The session, unless the request is over a limit: that is told first, whatever became of the session. */
export async function afterCounting(counting: Promise<unknown>, reading: Promise<SignedIn | null> | null): Promise<SignedIn | null> {
  reading?.catch(() => undefined)
  await counting
  return reading
}
