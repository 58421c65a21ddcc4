/** Counts the commands that wait for an answer: how many, and whether the oldest has waited too long. */
export interface InFlight {
  isFull(): boolean
  begin(): void
  end(): void
  /** To be called every `beatMs`. `quiet`: nothing was asked of late. */
  beat(): 'busy' | 'quiet' | 'stuck'
  /** Forgets the past: a new connection owes no answers. */
  restart(): void
  /** Resolves when nothing waits. */
  drained(): Promise<void>
}

// At 15,000 requests a second this is what a Redis that stalls for 130 ms has waiting. Beyond, waiting
// requests would only pile up behind answers that come too late.
const maxInFlight = 2000

export const beatMs = 100
// The oldest command is given 8 whole beats, so 800 to 900 ms.
const deadlineBeats = 8
const quietBeats = 4

/**
 * Creates the count. Answers come in the order of the questions, so two numbers are enough: a deadline costs
 * an addition per command, not a timer. And because time is told in beats of the event loop, a process that
 * was stopped for seconds does not take its own absence for that of Redis.
 */
export function createInFlight(): InFlight {
  let begun = 0
  let ended = 0
  let now = 0
  // How many had begun at each of the last beats.
  const begunAt = new Array<number>(deadlineBeats).fill(0)
  let onDrained: (() => void) | undefined

  return {
    isFull: () => begun - ended >= maxInFlight,
    begin() {
      begun += 1
    },
    end() {
      ended += 1
      if (ended === begun) onDrained?.()
    },
    beat() {
      now = (now + 1) % deadlineBeats
      if (ended < (begunAt[now] ?? 0)) return 'stuck'
      begunAt[now] = begun
      const before = begunAt[(now + deadlineBeats - quietBeats) % deadlineBeats]
      return before === begun ? 'quiet' : 'busy'
    },
    restart() {
      begunAt.fill(0)
    },
    drained() {
      return new Promise(resolve => {
        onDrained = resolve
        if (ended === begun) resolve()
      })
    },
  }
}
