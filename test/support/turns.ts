import type { Every } from '../../src/session/watch.ts'

/** Takes the place of timers: what runs every so often runs when the test says. */
export interface Turns {
  readonly every: Every
  /** Runs what is to run every so many ms, once. */
  turn(ms: number): void
  /** How many there are. */
  count(): number
}

/** How often sessions of open streams are looked at, and how often an event stream is kept alive. */
export const [roundMs, keepAliveMs] = [2_000, 25_000]

export function makeTurns(): Turns {
  const running = new Set<{ readonly ms: number; readonly run: () => void }>()
  return {
    every(ms, run) {
      const one = { ms, run }
      running.add(one)
      return () => running.delete(one)
    },
    turn(ms) {
      for (const one of [...running]) if (one.ms === ms) one.run()
    },
    count: () => running.size,
  }
}
