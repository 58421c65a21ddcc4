import type { TokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { createRecent } from '../session/recent.ts'
import type { SignedIn } from '../session/session.ts'
import { createRenewHeld, heldPatienceMs, isRenewed, liveOrThrow, type RenewHeldDeps } from './renew-held.ts'

/** After a failed renewal the IdP is left alone this long, for this token: a page's burst is not a storm. */
const coolDownMs = 5_000
/** What it refuses for one token it will go on refusing; meanwhile other tokens of the grant are asked for as ever. */
const refusedMs = 60_000

export interface Renew {
  /**
   * Gets a new token for this demand, or the one that somebody else has got since `seen` was read.
   *
   * @returns the same session with the token
   * @throws {GatewayError} `session_expired` or `session_revoked` when the grant or the session is no more;
   *   `insufficient_scope` when there is nothing to draw a token from, or the IdP refuses this one; `idp_unavailable` when the IdP cannot be
   *   asked, or somebody else is still asking; `store_unavailable`
   */
  (seen: SignedIn, demand: TokenDemand): Promise<SignedIn>
  /** Resolves when what was begun has come to its end. */
  settle(): Promise<void>
}

/**
 * Creates the renewal of a grant's tokens: one at a time for each grant, in all replicas, whoever asks; audiences in
 * turn.
 *
 * It belongs to no request: a client that leaves does not stop it, because a rotated refresh token that nobody stored
 * is lost. Nor does one that has waited long enough. renew-held.ts has what is done in its turn.
 */
export function createRenew(deps: RenewHeldDeps): Renew {
  const { families, providers, withLease, now } = deps
  const renewHeld = createRenewHeld(deps)
  const inFlight = new Map<string, Promise<SignedIn>>()
  /** The last renewal of each family in this process: the next one waits for it here, not at the lease. */
  const queues = new Map<string, Promise<unknown>>()
  const failures = createRecent<{ readonly until: number; readonly error: unknown }>({ limit: 4096, generationMs: refusedMs, now })

  async function renewInTurn(seen: SignedIn, demand: TokenDemand, onAsked: () => void): Promise<SignedIn> {
    const patienceMs = heldPatienceMs(timeoutOf(seen))
    const look = async () => {
      const current = liveOrThrow(await families.read(seen.credential))
      return isRenewed(current, seen, demand) ? current : undefined
    }
    const renewed = await withLease(seen.credential.familyId, () => renewHeld(seen, demand, onAsked), look, patienceMs)
    if (renewed !== 'busy') return renewed
    throw new GatewayError('idp_unavailable', 'Another replica is renewing this grant, and takes long.', { reason: 'lease_busy' })
  }

  function begin(seen: SignedIn, demand: TokenDemand, key: string): Promise<SignedIn> {
    const before = queues.get(seen.credential.familyId) ?? Promise.resolve()
    const patience = createPatience(timeoutOf(seen))
    const turn = before.then(() => renewInTurn(seen, demand, patience.begin))
    const done = turn.catch(ignore)
    queues.set(seen.credential.familyId, done)
    done.then(() => {
      patience.end()
      inFlight.delete(key)
      if (queues.get(seen.credential.familyId) === done) queues.delete(seen.credential.familyId)
    })
    const renewed = turn.catch(error => {
      const restMs = restAfter(error)
      if (restMs > 0) failures.set(failureKey(seen, demand), { until: now() + restMs, error })
      throw error
    })
    return Promise.race([renewed, patience.ranOut])
  }

  function timeoutOf({ record }: SignedIn): number {
    return providers.get(record.provider)?.config.timeoutMs ?? 0
  }

  function renew(seen: SignedIn, demand: TokenDemand): Promise<SignedIn> {
    // Whose session it is counts: one that was delegated must not become that of whoever delegated it.
    const key = `${seen.sessionId} ${demand.slot}`
    const failure = failures.get(failureKey(seen, demand))
    if (failure !== undefined && failure.until > now()) return Promise.reject(failure.error)
    let pending = inFlight.get(key)
    if (pending === undefined) {
      pending = begin(seen, demand, key)
      inFlight.set(key, pending)
    }
    return pending
  }

  return Object.assign(renew, {
    async settle() {
      await Promise.all(queues.values())
    },
  })
}

/** How long those who asked for a renewal wait for the provider. The renewal itself goes on: its answer may be the only one. */
function createPatience(ms: number) {
  let timer: NodeJS.Timeout | undefined
  let runOut = (_error: GatewayError) => {}
  const ranOut = new Promise<never>((_, reject) => {
    runOut = reject
  })
  // Those who wait hear of it; where nobody does, nobody has to.
  ranOut.catch(ignore)
  const error = () => new GatewayError('idp_unavailable', `The provider has not answered within ${ms} ms.`, { reason: 'timeout' })
  return {
    ranOut,
    begin() {
      timer ??= setTimeout(() => runOut(error()), ms).unref()
    },
    end: () => clearTimeout(timer),
  }
}

/** A step-up brings another grant, and another secret with it. */
function failureKey({ record }: SignedIn, { slot }: TokenDemand): string {
  return `${record.secretHash} ${slot}`
}

function restAfter(error: unknown): number {
  if (!(error instanceof GatewayError)) return 0
  if (error.code === 'insufficient_scope') return refusedMs
  return error.code === 'idp_unavailable' ? coolDownMs : 0
}

function ignore(): void {}
