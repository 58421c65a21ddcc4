import { GatewayError } from '../errors.ts'
import type { Credential, SignIn } from '../session/session.ts'
import type { SessionIndex } from '../session/session-index.ts'
import type { SessionList } from '../session/session-list.ts'
import type { Endings } from './endings.ts'

/** How far the clocks of two replicas may be apart. */
const skewMs = 5_000

export interface AdmitDeps {
  readonly index: SessionIndex
  readonly list: SessionList
  readonly endings: Endings
  readonly perUserLimit: number
}

/**
 * Lets a session stay that has just been written, or ends it at once.
 *
 * A logout may have come from the provider while the sign-in was under way, when there was nothing to end yet (BCL-11).
 * It leaves a mark before it looks for sessions; the mark is looked for after the session is there: so one of the two
 * finds the other. Of too many sessions of one user the oldest ends.
 *
 * @param begunAt when the sign-in attempt began
 * @throws {GatewayError} `session_revoked`; `store_unavailable`, and then the session must not be handed out
 */
export type Admit = (credential: Credential, signIn: SignIn, begunAt: number) => Promise<void>

export function createAdmit({ index, list, endings, perUserLimit }: AdmitDeps): Admit {
  async function wasLoggedOut({ provider, sub, sid, authTime }: SignIn, begunAt: number): Promise<boolean> {
    const [userAt, ...sidAt] = await Promise.all([
      index.loggedOutAt({ provider, sub }),
      ...(sid === null ? [] : [index.loggedOutAt({ provider, sid }), index.loggedOutAt({ provider, sid, ofSub: sub })]),
    ])
    // A session at the provider that has ended does not come back. A user does: who signs in anew after a logout must
    // not be kept out by it.
    return sidAt.some(at => at !== null) || (userAt !== null && begunAt <= userAt + skewMs && authTime <= userAt)
  }

  return async function admit(credential, signIn, begunAt) {
    if (await wasLoggedOut(signIn, begunAt)) {
      await endings.signOut(credential)
      throw new GatewayError('session_revoked', 'The provider logged the person out during the sign-in.', {
        reason: 'logged_out_meanwhile',
      })
    }
    const surplus = (await list.ofUser(signIn)).slice(perUserLimit)
    await Promise.all(surplus.map(({ sessionId }) => endings.one(sessionId, 'user_limit', signIn)))
    // By the clock of another replica this one may be the oldest: then it is not handed out.
    if (surplus.some(({ sessionId }) => sessionId === credential.familyId)) {
      throw new GatewayError('session_revoked', 'Sign-ins elsewhere in the same moment were too many.', { reason: 'user_limit' })
    }
  }
}
