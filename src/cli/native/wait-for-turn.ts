import type { Terminal } from '../terminal.ts'
import { systemClock } from './device-flow.ts'
import { type Place, stateFolder } from './folders.ts'
import { findStored } from './held.ts'
import { type LoginLock, systemLockDeps, takeLock } from './login-lock.ts'
import { orNotStored } from './private-files.ts'
import type { Chosen } from './profiles.ts'

export interface TurnDeps {
  readonly chosen: Chosen
  readonly place: Place
  readonly terminal: Terminal
  readonly lifeMs: number
  readonly signal: AbortSignal
}

/**
 * Waits while another process does the same sign-in: two tabs would ask the person the same, and of two that redeem one
 * code the second ends what the first one got.
 *
 * @param file of the lock that both take
 * @returns null when the other one has succeeded
 */
export async function waitForTurn(file: string, { chosen, place, terminal, lifeMs, signal }: TurnDeps): Promise<LoginLock | null> {
  const startedAt = systemClock.now()
  let said = ''
  for (;;) {
    const taken = orNotStored(stateFolder(place), () => takeLock(file, lifeMs, systemLockDeps))
    if ('release' in taken) {
      const found = said === '' ? null : await findStored(chosen, place)
      if (found === null || (found.held.obtainedAt ?? 0) < startedAt) return taken
      taken.release()
      return null
    }
    const say = `Another sallyport login waits for the same sign-in (process ${taken.pid}).${taken.say === '' ? '' : ` It says:\n${taken.say}`}`
    if (say !== said) terminal.remark(say)
    said = say
    await systemClock.sleep(300, signal)
  }
}
