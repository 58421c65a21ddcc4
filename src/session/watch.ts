import { GatewayError } from '../errors.ts'
import { formatCredential } from './credential.ts'
import type { Families, FamilyState } from './families.ts'
import type { Credential, EndReason, SignedIn } from './session.ts'

// With the store's second of patience, and a busy process, an open stream ends well within the 5 s that
// docs/proxying.md promises.
const roundMs = 2_000

// A store takes 2,000 commands at a time and refuses what comes beyond: a round must leave room for requests.
const batchSize = 500

/** Runs something every so many ms until the function it returns is called. It keeps no process alive. */
export type Every = (ms: number, run: () => void) => () => void

/** By the machine's clock. */
export const repeat: Every = (ms, run) => {
  const timer = setInterval(run, ms).unref()
  return () => clearInterval(timer)
}

/**
 * Why a stream is to end: its session has ended; nobody knows the session, or not under this secret (`none`); or the
 * session is well and this process is about to stop (`closing`).
 */
export type StreamEnd = EndReason | 'none' | 'closing'

/** A stream that is open for somebody who is signed in. */
export interface WatchedStream {
  /** Told once, and nothing after it. */
  onEnd(why: StreamEnd): void
  /** Told in each round that finds the session alive, with what it is now. */
  onRead?(signedIn: SignedIn): void
}

/** Watches the sessions of open streams: a request is checked when it comes, a stream would outlive its session. */
export interface Watch {
  /**
   * @param signedIn as the request was let in
   * @returns to be called when the stream is over; any number of times
   */
  add(signedIn: Pick<SignedIn, 'credential'>, stream: WatchedStream): () => void
  /** Ends every stream, and from now on each one at once that is added. */
  close(): void
}

export interface WatchDeps {
  readonly families: Pick<Families, 'read'>
  readonly every: Every
}

/** What is read once in a round, however many streams hang on it. */
interface Watched {
  /** One object for as long as it is watched: what was opened for it is remembered beside it. */
  readonly credential: Credential
  readonly streams: Set<WatchedStream>
}

/**
 * Creates the watch. Every 2 s the sessions that have streams are read, as requests read them: so a deadline ends them
 * at its time, and an ending in another replica is seen without anybody having to tell. A store that is away ends
 * nothing; the next round asks again.
 */
export function createWatch({ families, every }: WatchDeps): Watch {
  // By credential, not by session: after a step-up the old secret is good for nothing, and streams under it must go.
  const watched = new Map<string, Watched>()
  let stopRounds: (() => void) | null = null
  let isRunning = false
  let isClosed = false

  async function runRound(): Promise<void> {
    // Behind a slow store rounds would only pile up.
    if (isRunning) return
    isRunning = true
    try {
      const all = [...watched.values()]
      // What one batch asks leaves in one tick, and so in one write.
      for (let at = 0; at < all.length; at += batchSize) await Promise.all(all.slice(at, at + batchSize).map(look))
    } finally {
      isRunning = false
    }
  }

  async function look(one: Watched): Promise<void> {
    // A batch before this one may have taken its time.
    if (one.streams.size === 0) return
    const family = await read(one.credential)
    if (family === 'away') return
    if (family.state !== 'live') return end(one, family.state === 'ended' ? family.reason : 'none')
    for (const stream of [...one.streams]) stream.onRead?.(family.signedIn)
  }

  async function read(credential: Credential): Promise<FamilyState | 'away'> {
    try {
      return await families.read(credential)
    } catch (error) {
      // Anything else is a bug, under which no request would be let in either.
      return error instanceof GatewayError && error.code === 'store_unavailable' ? 'away' : { state: 'none' }
    }
  }

  function end(one: Watched, why: StreamEnd): void {
    const streams = [...one.streams]
    for (const stream of streams) remove(one, stream)
    for (const stream of streams) stream.onEnd(why)
  }

  function remove(one: Watched, stream: WatchedStream): void {
    if (!one.streams.delete(stream) || one.streams.size > 0) return
    watched.delete(formatCredential(one.credential))
    if (watched.size > 0) return
    stopRounds?.()
    stopRounds = null
  }

  return {
    add({ credential }, stream) {
      if (isClosed) {
        stream.onEnd('closing')
        return nothing
      }
      const key = formatCredential(credential)
      const one = watched.get(key) ?? { credential, streams: new Set() }
      watched.set(key, one)
      one.streams.add(stream)
      stopRounds ??= every(roundMs, runRound)
      return () => remove(one, stream)
    },

    close() {
      isClosed = true
      for (const one of [...watched.values()]) end(one, 'closing')
    },
  }
}

function nothing(): void {}
