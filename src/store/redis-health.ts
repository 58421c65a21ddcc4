import { ErrorReply } from '@redis/client'

/**
 * What an operator is told. `down` and `up`: the store cannot do all it should, and can again. `unconfirmed`: no
 * replica has what was deleted or rotated. `eviction_policy`: Redis may drop what the store counts on.
 */
export type StoreEvent = 'down' | 'up' | 'unconfirmed' | 'eviction_policy'

/** `error` says why, and is empty for `up`. */
export type StoreEventListener = (event: StoreEvent, detail: { error: string }) => void

/** What is known of the store's state. It is up while each of its parts is connected and refuses no verb. */
export interface RedisHealth {
  /** @param name stands before what is told of this part */
  join(name?: string): RedisHealthPart
  unconfirmed(error: string): void
  evictsBy(policy: string): void
}

/** One connection, most often. It joins unconnected. */
export interface RedisHealthPart {
  connected(): void
  lost(error: unknown): void
  /** Redis is there and answered this verb with an error. */
  refused(verb: string, error: ErrorReply): void
  answered(verb: string): void
  /** Its state counts no more. */
  leave(): void
}

interface State {
  isConnected: boolean
  readonly refusedVerbs: Set<string>
}

/** Creates the health. Each cause is told once for every outage, however many requests meet it. */
export function createRedisHealth(onEvent: StoreEventListener = () => {}): RedisHealth {
  const states = new Set<State>()
  const told = new Set<string>()
  const toldPolicies = new Set<string>()
  let hasBeenUp = false

  function down(error: string): void {
    if (told.has(error)) return
    told.add(error)
    onEvent('down', { error })
  }

  function up(): void {
    for (const state of states) if (!state.isConnected || state.refusedVerbs.size > 0) return
    // A part that joined and connected while all was well is no news.
    if (hasBeenUp && told.size === 0) return
    hasBeenUp = true
    told.clear()
    onEvent('up', { error: '' })
  }

  return {
    join(name) {
      const state: State = { isConnected: false, refusedVerbs: new Set() }
      const prefix = name === undefined ? '' : `${name}: `
      states.add(state)
      return {
        connected() {
          state.isConnected = true
          up()
        },
        lost(error) {
          if (!states.has(state)) return
          state.isConnected = false
          state.refusedVerbs.clear()
          down(prefix + describeRedisError(error))
        },
        refused(verb, error) {
          if (!states.has(state)) return
          state.refusedVerbs.add(verb)
          down(`${prefix}${verb}: ${describeRedisError(error)}`)
        },
        answered(verb) {
          // The first test is all that a healthy request pays.
          if (state.refusedVerbs.size > 0 && state.refusedVerbs.delete(verb)) up()
        },
        leave() {
          if (states.delete(state)) up()
        },
      }
    },
    unconfirmed(error) {
      onEvent('unconfirmed', { error })
    },
    evictsBy(policy) {
      if (toldPolicies.has(policy)) return
      toldPolicies.add(policy)
      onEvent('eviction_policy', { error: policy })
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
