import type { KeptToken } from '../session/session.ts'

// Early enough that the token outlives the upstream call and the seconds by which our clock and the
// provider's differ; late enough that a page's burst of requests costs one renewal. docs/decisions/004.
const leewayMs = 30_000
/** The part of the leeway that must be left for a request to go on with the old token while a new one is fetched. */
const enoughOfLeeway = 1 / 3

/**
 * What a token's age asks for: nothing; a renewal behind the requests' back; or that they wait for one.
 *
 * A token that lives shorter than two leeways is renewed at half its life, not on every request (RTK-11).
 */
export function freshnessOf(token: KeptToken, now: number): 'fresh' | 'due' | 'late' {
  const remainingMs = token.expiresAt - now
  if (remainingMs > leewayMs) return 'fresh'
  const leeway = Math.min(leewayMs, (token.expiresAt - token.refreshedAt) / 2)
  if (remainingMs > leeway) return 'fresh'
  return remainingMs > leeway * enoughOfLeeway ? 'due' : 'late'
}
