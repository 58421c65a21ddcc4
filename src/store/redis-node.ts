import type { ErrorReply } from '@redis/client'
import { ping, type RedisCommand, type RedisLink } from './redis-command.ts'
import { createRedisConfirmed } from './redis-confirmed.ts'
import { createRedisConnection, type RedisConnection, type RedisConnectionOptions } from './redis-connection.ts'
import { reportEviction } from './redis-eviction.ts'
import type { RedisHealth } from './redis-health.ts'

export interface RedisNodeOptions extends Pick<RedisConnectionOptions, 'access' | 'locate' | 'admit'> {
  readonly health: RedisHealth
  /** Told before what happens to it. */
  readonly name?: string
  readonly onLost?: () => void
  /** As for a connection; `by` is how the command was asked. */
  readonly redirect?: (command: RedisCommand, refusal: ErrorReply, by: 'ask' | 'askConfirmed') => Promise<unknown> | undefined
}

export interface RedisNode extends RedisLink, Pick<RedisConnection, 'inquire'> {
  isReady(): boolean
  /** Resolves when the attempts to connect that are being made, if any, have come to their end. */
  attempted(): Promise<unknown>
  /** Closes it for good; whether it was well counts no more. */
  retire(): Promise<void>
}

/**
 * Opens two connections to one master with replicas: one for reads and ordinary writes, and one for the writes
 * that wait for a replica, so that nothing else ever waits behind those.
 */
export function createRedisNode(options: RedisNodeOptions): RedisNode {
  const parts = { ask: options.health.join(options.name), askConfirmed: options.health.join(options.name) }
  const direct = open('ask', () => confirming)
  const confirming = open('askConfirmed', () => direct)
  const prefix = options.name === undefined ? '' : `${options.name}: `
  const confirmed = createRedisConfirmed(confirming, error => options.health.unconfirmed(prefix + error))

  function open(by: 'ask' | 'askConfirmed', other: () => RedisConnection): RedisConnection {
    const { access, locate, admit, redirect } = options
    let isConnected = false
    const connection = createRedisConnection({
      access,
      locate,
      ...(admit && { admit }),
      ...(redirect && { redirect: (command, refusal) => redirect(command, refusal, by) }),
      health: {
        ...parts[by],
        connected() {
          isConnected = true
          parts[by].connected()
        },
        lost(error) {
          parts[by].lost(error)
          // Both lead to one server. What one has found out, that it hangs or is no master now, counts for both; what
          // only kept one from connecting does not.
          if (isConnected) other().drop(error)
          isConnected = false
          options.onLost?.()
        },
      },
      onConnected: () => by === 'ask' && reportEviction(connection, options.health),
    })
    return connection
  }

  async function close(): Promise<void> {
    await Promise.all([direct.close(), confirmed.close()])
  }

  return {
    ask: direct.ask,
    inquire: direct.inquire,
    askConfirmed: confirmed.ask,
    ping: () => direct.ask(ping, () => {}),
    isReady: () => direct.isReady() && confirming.isReady(),
    attempted: () => Promise.all([direct.attempted(), confirming.attempted()]),
    close,
    retire() {
      for (const part of Object.values(parts)) part.leave()
      return close()
    },
  }
}
