import { askOnce, formatAddress, type RedisAccess, type RedisAddress } from './redis-client.ts'
import { describeRedisError, type RedisHealthPart } from './redis-health.ts'
import { readSlots, type SlotRange } from './redis-slots.ts'

export interface ClusterMapOptions {
  readonly access: RedisAccess
  /** Whom to ask, the likeliest to answer first. */
  readonly candidates: () => readonly RedisAddress[]
  readonly apply: (ranges: readonly SlotRange[]) => void
  /** Whether every slot has a node. */
  readonly isWhole: () => boolean
  /** Whether every node is connected. As long as one is not, or a slot has none, the map is read again and again. */
  readonly isConnected: () => boolean
  readonly health: RedisHealthPart
}

/** Keeps the map of the cluster up to date. */
export interface ClusterMap {
  /** Has it read again soon. */
  refresh(): void
  close(): Promise<void>
}

const answerMs = 400
// However many redirects ask for it.
const shortestPauseMs = 250
// While something is missing.
const retryMs = 500

const question = ['CLUSTER', 'SLOTS']

/** Reads the map for the first time at once. One reading at a time is under way. */
export function createClusterMap(options: ClusterMapOptions): ClusterMap {
  const { access, candidates, health } = options
  let timer: NodeJS.Timeout | undefined
  let reading: Promise<void> | undefined
  let readAt = Number.NEGATIVE_INFINITY
  let isWanted = false
  let isClosed = false

  async function read(): Promise<void> {
    isWanted = false
    try {
      const ranges = await ask()
      if (isClosed) return
      options.apply(ranges)
      if (options.isWhole()) health.connected()
      else health.lost(new Error('no node serves some of the slots'))
    } catch (error) {
      if (!isClosed) health.lost(error)
    }
    readAt = performance.now()
    reading = undefined
    if (isWanted) schedule(0)
    else if (isIncomplete()) schedule(retryMs)
  }

  function isIncomplete(): boolean {
    return !options.isWhole() || !options.isConnected()
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

  reading = read()

  return {
    refresh() {
      isWanted = true
      schedule(0)
    },
    async close() {
      isClosed = true
      clearTimeout(timer)
      await reading
    },
  }
}
