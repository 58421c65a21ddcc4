import { GatewayError } from '../errors.ts'
import type { Provider } from '../oidc/provider.ts'
import { type Families, type FamilyState, isOver } from '../session/families.ts'
import type { Credential, SignedIn, SignIn } from '../session/session.ts'
import type { WithLease } from './lease.ts'
import type { Revoke } from './revoke.ts'

export interface StepUpDeps {
  readonly families: Families
  readonly providers: ReadonlyMap<string, Provider>
  readonly withLease: WithLease
  readonly revoke: Revoke
}

/**
 * Another sign-in of the same person raises a session that lives: it keeps its id, its place in lists and its absolute
 * clock; another secret opens it, and its tokens are those of the new grant. docs/decisions/015.
 */
export interface StepUp {
  /**
   * @param before as its holder has opened it
   * @param next the credential that opens it from then on
   * @returns the session as it is then; `overtaken` when another step-up was faster, and nothing was changed
   * @throws {GatewayError} `session_revoked` when it ended meanwhile: a logout wins, and the new tokens go back;
   *   `idp_unavailable` when its tokens are being renewed for longer than one waits; `store_unavailable`
   */
  raise(before: SignedIn, next: Credential, signIn: SignIn): Promise<SignedIn | 'overtaken'>
  /**
   * What became of a session that the browser's cookie does not open any more: one that another step-up has raised
   * `lives`, one that ran out by itself is `over`.
   *
   * @throws {GatewayError} `session_revoked` when somebody has ended it: no other follows, and the new tokens go back
   */
  lookAfter(sessionId: string, signIn: SignIn): Promise<'lives' | 'over'>
}

export function createStepUp({ families, providers, withLease, revoke }: StepUpDeps): StepUp {
  function giveBack(sessionId: string, { refreshToken, access, ...who }: SignIn): GatewayError {
    revoke(sessionId, who, { refreshToken, access: { '': access } })
    return new GatewayError('session_revoked', 'The session was ended while the person confirmed who they are.', {
      reason: 'ended_meanwhile',
    })
  }

  return {
    async raise(before, next, signIn) {
      const patienceMs = providers.get(before.record.provider)?.config.timeoutMs ?? 0
      const run = () => families.stepUp(before.credential, next, signIn)
      const look = async (): Promise<FamilyState | undefined> => undefined
      const state = await withLease(before.credential.familyId, run, look, patienceMs)
      if (state === 'busy') {
        throw new GatewayError('idp_unavailable', 'The grant is being renewed, and that takes long.', { reason: 'lease_busy' })
      }
      if (state.state === 'live') return state.signedIn
      // The grant of a session that lives is not revoked: some providers give the same one to both sign-ins.
      if (!isOver(state)) return 'overtaken'
      throw giveBack(before.sessionId, signIn)
    },

    async lookAfter(sessionId, signIn) {
      if ((await families.look(sessionId)) !== null) return 'lives'
      const reason = await families.whyEnded(sessionId)
      if (reason === 'logged_out' || reason === 'revoked') throw giveBack(sessionId, signIn)
      return 'over'
    },
  }
}
