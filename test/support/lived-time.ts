const tickMs = 10
// What a turn of the loop takes at most on a machine that has time for it.
const longestTurnMs = 30

let lived = 0
let lastTickAt = performance.now()

setInterval(() => {
  const now = performance.now()
  lived += Math.min(now - lastTickAt, longestTurnMs)
  lastTickAt = now
}, tickMs).unref()

/**
 * Milliseconds as this process has lived them: a clock for bounds on waiting. Where the machine is busy with
 * other tests, the process gets its turns late, and bounds by the wall clock would measure that instead.
 */
export function livedMs(): number {
  return lived
}
