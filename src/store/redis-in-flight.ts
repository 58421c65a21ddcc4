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
export const maxInFlight = 2000

export const beatMs = 100
// Told from the first beat that saw the command, and seen at a beat: 800 to 1000 ms of waiting in all.
const deadlineMs = 800
// A process that stood still for seconds finds its timers due before it finds the answers that came
// meanwhile. It must not take its own absence for that of Redis, so some turns of the loop must pass, too.
const deadlineBeats = 3
const quietBeats = 4

interface Mark {
  /** How many commands had begun by then. */
  readonly begun: number
  readonly at: number
  readonly beat: number
}

/**
 * Creates the count. Answers come in the order of the questions, so counting both is enough: a deadline
 * costs an addition per command, not a timer.
 *
 * @param deps.now milliseconds of a clock that nobody sets
 */
export function createInFlight(deps: { now: () => number }): InFlight {
  let begun = 0
  let ended = 0
  let beats = 0
  let quietSince = { begun, beat: 0 }
  /** One for each beat that saw new commands, as long as not all it saw are answered; oldest first. */
  let marks: Mark[] = []
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
      beats += 1
      const at = deps.now()
      if (begun !== quietSince.begun) {
        quietSince = { begun, beat: beats }
        marks.push({ begun, at, beat: beats })
      }
      while (marks[0] !== undefined && marks[0].begun <= ended) marks.shift()
      const oldest = marks[0]
      if (oldest !== undefined && at - oldest.at >= deadlineMs && beats - oldest.beat >= deadlineBeats) return 'stuck'
      return beats - quietSince.beat >= quietBeats ? 'quiet' : 'busy'
    },
    restart() {
      marks = []
      quietSince = { begun, beat: beats }
    },
    drained() {
      return new Promise(resolve => {
        onDrained = resolve
        if (ended === begun) resolve()
      })
    },
  }
}
