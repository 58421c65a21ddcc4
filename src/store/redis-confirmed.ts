import { ErrorReply } from '@redis/client'
import type { RedisCommand } from './redis-command.ts'
import { type RedisConnection, unavailable } from './redis-connection.ts'
import { describeRedisError } from './redis-health.ts'

export interface RedisConfirmed {
  ask<Reply, Result>(command: RedisCommand, read: (reply: Reply) => Result): Promise<Result>
  close(): Promise<void>
}

/** Commands that one WAIT stands behind. */
interface Batch {
  answered: number
  confirmation: Promise<void>
}

// A replica in the same data centre confirms within a few. Nobody may wait for it much longer: while the replicas
// are away, this is what every sign-out and every renewal takes.
const confirmationMs = 100
const wait = ['WAIT', '1', String(confirmationMs)]

// Half of what a connection takes in flight.
const maxKept = 1000

/**
 * Sends writes over a connection that has nothing else to do, and lets each wait until a replica has it, or
 * 100 ms have passed.
 *
 * WAIT blocks its connection. So one at a time is under way: what comes meanwhile is kept back, and then sent
 * together with one WAIT behind it. However many come, none waits for more than two of them, 200 ms.
 *
 * @param onUnconfirmed told once until a replica confirms again
 */
export function createRedisConfirmed(connection: RedisConnection, onUnconfirmed: (error: string) => void): RedisConfirmed {
  let kept: ((batch: Batch) => void)[] = []
  let sending: Promise<void> | undefined
  let isUnconfirmed = false

  async function sendAll(): Promise<void> {
    while (kept.length > 0) {
      const batch: Batch = { answered: 0, confirmation: Promise.resolve() }
      const sends = kept
      kept = []
      for (const send of sends) send(batch)
      batch.confirmation = confirm(batch)
      await batch.confirmation
    }
    sending = undefined
  }

  async function confirm(batch: Batch): Promise<void> {
    try {
      const replicas = await connection.inquire<number>(wait)
      if (replicas === 0) tell(`no replica confirmed within ${confirmationMs} ms`)
      else isUnconfirmed = false
    } catch (error) {
      // What got no answer either is no loss that nobody knows of.
      if (batch.answered > 0) tell(error instanceof ErrorReply ? `WAIT: ${describeRedisError(error)}` : 'the connection was lost')
    }
  }

  function tell(error: string): void {
    if (!isUnconfirmed) onUnconfirmed(error)
    isUnconfirmed = true
  }

  return {
    ask(command, read) {
      if (kept.length >= maxKept) return Promise.reject(unavailable('has too many commands waiting'))
      return new Promise((resolve, reject) => {
        kept.push(batch => {
          const answer = connection.ask(command, read)
          answer.then(result => {
            batch.answered += 1
            return batch.confirmation.then(() => resolve(result))
          }, reject)
        })
        sending ??= sendAll()
      })
    },
    async close() {
      while (sending !== undefined) await sending
      await connection.close()
    },
  }
}
