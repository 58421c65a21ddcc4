import { ErrorReply } from 'redis'

/** Tells the operator that the store is down or up again. `error` says why, and is empty for `up`. */
export type StoreEventListener = (event: 'down' | 'up', detail: { error: string }) => void

/** What is known of the store's state. The store is up while it is connected and no verb is being refused. */
export interface RedisHealth {
  connected(): void
  lost(error: unknown): void
  /** Redis is there and answered this verb with an error. */
  refused(verb: string, error: ErrorReply): void
  answered(verb: string): void
}

/** Creates the health. Each cause is told once for every outage, however many requests meet it. */
export function createRedisHealth(onEvent: StoreEventListener = () => {}): RedisHealth {
  let isConnected = false
  const refusedVerbs = new Set<string>()
  const told = new Set<string>()

  function down(error: string): void {
    if (told.has(error)) return
    told.add(error)
    onEvent('down', { error })
  }

  function up(): void {
    if (!isConnected || refusedVerbs.size > 0) return
    told.clear()
    onEvent('up', { error: '' })
  }

  return {
    connected() {
      isConnected = true
      up()
    },
    lost(error) {
      isConnected = false
      refusedVerbs.clear()
      down(describeRedisError(error))
    },
    refused(verb, error) {
      refusedVerbs.add(verb)
      down(`${verb}: ${describeRedisError(error)}`)
    },
    answered(verb) {
      // The first test is all that a healthy request pays.
      if (refusedVerbs.size > 0 && refusedVerbs.delete(verb)) up()
    },
  }
}

/**
 * Says in few words what went wrong. Of an answer by Redis only its first word, which is its code (NOPERM,
 * OOM, READONLY …): what follows may name keys.
 */
export function describeRedisError(error: unknown): string {
  if (error instanceof ErrorReply) return /^[A-Z]+/.exec(error.message)?.[0] ?? 'ERR'
  if (!(error instanceof Error)) return 'unknown'
  // An AggregateError, for a host name with several addresses, has a code and no message.
  return error.message || ('code' in error ? String(error.code) : error.name)
}
