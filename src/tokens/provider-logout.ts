import { hash } from 'node:crypto'
import type { LogoutToken } from '../oidc/provider.ts'
import type { LoggedOut, SessionIndex, Whose } from '../session/session-index.ts'
import type { OneTimeKey, Store } from '../store/store.ts'
import type { Endings } from './endings.ts'

/** By what the clocks of two replicas may differ: none may still take a token that the others have forgotten. */
const skewMs = 60_000

/** What is kept of a token that is being acted on. */
const begun = 'begun'

/**
 * Ends sessions because the provider says that it has ended its own.
 *
 * A mark is left before the sessions are looked for: a sign-in that is under way finds it, see admit.ts (BCL-11).
 *
 * @throws {GatewayError} `store_unavailable`: then some of them may live, and the same call is to be made again
 */
export interface ProviderLogout {
  /**
   * By a logout token that has stood every check.
   *
   * With `sid`, the sessions that belong to that one at the provider, with `sub` as well only that user's; with `sub`
   * alone, all of the user's (Back-Channel Logout §2.7).
   *
   * @returns false for a token that has done its work before, at whichever replica: then nothing ends (BCL-07)
   */
  byToken(provider: string, token: LogoutToken): Promise<boolean>
  /**
   * Through the browser, by nothing but the name of the session at the provider.
   *
   * @param leavesMark whether a sign-in that is under way is to be refused too
   * @returns how many ended
   */
  bySid(provider: string, sid: string, leavesMark: boolean): Promise<number>
}

export interface ProviderLogoutDeps {
  readonly store: Store
  readonly index: SessionIndex
  readonly endings: Endings
  readonly now: () => number
}

export function createProviderLogout({ store, index, endings, now }: ProviderLogoutDeps): ProviderLogout {
  /** Ending twice does no harm, so an attempt that broke off half-way, or is still running, is made once more. */
  async function isDone(key: OneTimeKey, expiresAt: number): Promise<boolean> {
    if (await store.putOnce(key, begun, expiresAt - now() + skewMs)) return false
    const item = await store.peekOnce(key)
    return item?.state === 'spent'
  }

  return {
    async byToken(provider, token) {
      const key = tokenKey(provider, token.jti)
      if (await isDone(key, token.expiresAt)) return false
      const { marked, whose, and } = whoIsMeant(provider, token)
      await index.markLoggedOut(marked)
      await endings.all(whose, 'back_channel', and === null ? {} : { and })
      await store.takeOnce(key, begun)
      return true
    },

    async bySid(provider, sid, leavesMark) {
      if (leavesMark) await index.markLoggedOut({ provider, sid })
      return await endings.all({ provider, sid }, 'front_channel')
    },
  }
}

interface Meant {
  readonly marked: LoggedOut
  readonly whose: Whose
  readonly and: Whose | null
}

function whoIsMeant(provider: string, { sub, sid }: LogoutToken): Meant {
  if (sid === null) {
    if (sub === null) throw new TypeError('a logout token that names nobody stood the checks')
    return { marked: { provider, sub }, whose: { provider, sub }, and: null }
  }
  const whose = { provider, sid }
  return sub === null ? { marked: whose, whose, and: null } : { marked: { provider, sid, ofSub: sub }, whose, and: { provider, sub } }
}

/** A `jti` is unique at one provider only, and of any length and character. */
function tokenKey(provider: string, jti: string): OneTimeKey {
  return { kind: 'jti', id: hash('sha256', JSON.stringify([provider, jti]), 'base64url') }
}
