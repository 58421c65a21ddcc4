import type { RedisAccess, RedisAddress } from '../config/store-config.ts'
import { askOnce, formatAddress } from './redis-client.ts'
import { describeRedisError, type RedisHealthPart } from './redis-health.ts'
import { readSlots, type SlotRange } from './redis-slots.ts'

export interface ClusterMapOptions {
  readonly access: RedisAccess
  /** Whom to ask, the likeliest to answer first. */
  readonly candidates: () => readonly RedisAddress[]
  readonly apply: (ranges: readonly SlotRange[]) => void
  /** Throws where the cluster does not serve all of its slots. */
  readonly check: () => Promise<void>
  /** Whether every node is connected. */
  readonly isConnected: () => boolean
  readonly health: RedisHealthPart
}

/** Keeps the map of the cluster up to date. */
export interface ClusterMap {
  /** Has it read again soon. */
  refresh(): void
  /** The same; and the cluster does not serve all of its slots. */
  lost(error: unknown): void
  close(): Promise<void>
}

const answerMs = 400
// However many redirects ask for it.
const shortestPauseMs = 250
// While something is missing.
const retryMs = 500

const question = ['CLUSTER', 'SLOTS']

/** Reads the map for the first time at once. One reading at a time is under way; as long as anything is missing, another follows. */
export function createClusterMap({ access, candidates, apply, check, isConnected, health }: ClusterMapOptions): ClusterMap {
  let timer: NodeJS.Timeout | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let isWanted = false
  let isWell = false
  let isClosed = false
  let reading: Promise<void> | undefined = read()

  async function read(): Promise<void> {
    isWanted = false
    try {
      const ranges = await ask()
      if (isClosed) return
      apply(ranges)
      await check()
      isWell = true
      health.connected()
    } catch (error) {
      isWell = false
      if (isClosed) return
      health.lost(error)
    }
    readAt = performance.now()
    reading = undefined
    if (isWanted) schedule(0)
    else if (isIncomplete()) schedule(retryMs)
  }

  function isIncomplete(): boolean {
    return !isWell || !isConnected()
  }

  async function ask(): Promise<readonly SlotRange[]> {
    let reason = 'no node is known'
    for (const node of candidates()) {
      if (isClosed) break
      try {
        return readSlots(await askOnce<unknown>(node, access, question, answerMs), node)
      } catch (error) {
        reason = `${formatAddress(node)}: CLUSTER SLOTS: ${describeRedisError(error)}`
      }
    }
    throw new Error(reason)
  }

  function schedule(delayMs: number): void {
    if (isClosed || timer !== undefined || reading !== undefined) return
    const pauseMs = Math.max(delayMs, readAt + shortestPauseMs - performance.now())
    timer = setTimeout(() => {
      timer = undefined
      if (isWanted || isIncomplete()) reading = read()
    }, pauseMs)
  }

  function refresh(): void {
    isWanted = true
    schedule(0)
  }

  return {
    refresh,
    lost(error) {
      isWell = false
      health.lost(error)
      refresh()
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      await reading
    },
  }
}
