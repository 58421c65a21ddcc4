import { setTimeout as wait } from 'node:timers/promises'
import type { Response } from 'supertest'
import { eventually } from './eventually.ts'

/** Calls that go on and on in several lanes, one after the other in each, whatever comes back. */
export interface SteadyCalls {
  /** Resolves when each lane has got this status so many times more. */
  eachGets(status: number, times: number): Promise<void>
  /** Ends it and gives every answer. Rejects when a call got none. */
  stop(): Promise<readonly Response[]>
}

// Steady, and not all that the machine can: others need it, too.
const restMs = 20

/** @param call one call of the lane with this number, from 0 */
export function startSteadyCalls(lanes: number, call: (lane: number) => Promise<Response>): SteadyCalls {
  const answers: Response[] = []
  const counts = Array.from({ length: lanes }, () => new Map<number, number>())
  let isOver = false

  const loops = counts.map(async (count, lane) => {
    while (!isOver) {
      const answer = await call(lane)
      answers.push(answer)
      count.set(answer.status, (count.get(answer.status) ?? 0) + 1)
      await wait(restMs)
    }
  })
  const done = Promise.all(loops)
  // Told by `stop`; until then nobody listens.
  done.catch(() => undefined)

  return {
    async eachGets(status, times) {
      const wanted = counts.map(count => (count.get(status) ?? 0) + times)
      const isThere = () => counts.every((count, lane) => (count.get(status) ?? 0) >= (wanted[lane] ?? 0))
      // A call without an answer ends the waiting, too.
      await Promise.race([eventually(isThere), done])
    },
    async stop() {
      isOver = true
      await done
      return answers
    },
  }
}
