import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Response } from 'supertest'
import { eventually } from './eventually.ts'

/** Calls that go on and on, one after the other at each replica, whatever comes back. */
export interface SteadyCalls {
  /** Resolves when each replica has given this status so many times more. */
  eachGets(status: number, times: number): Promise<void>
  /** Ends it and gives every answer. Rejects when a call got none. */
  stop(): Promise<readonly Response[]>
}

/** @param call one call to the replica of this number, from 0 */
export function startSteadyCalls(replicas: number, call: (replica: number) => Promise<Response>): SteadyCalls {
  const answers: Response[] = []
  const counts = Array.from({ length: replicas }, () => new Map<number, number>())
  let isOver = false

  const loops = counts.map(async (count, replica) => {
    while (!isOver) {
      const answer = await call(replica)
      answers.push(answer)
      count.set(answer.status, (count.get(answer.status) ?? 0) + 1)
      await nextTurn()
    }
  })
  const done = Promise.all(loops)
  // Told by `stop`; until then nobody listens.
  done.catch(() => undefined)

  return {
    async eachGets(status, times) {
      const wanted = counts.map(count => (count.get(status) ?? 0) + times)
      await eventually(() => counts.every((count, replica) => (count.get(status) ?? 0) >= (wanted[replica] ?? 0)))
    },
    async stop() {
      isOver = true
      await done
      return answers
    },
  }
}
