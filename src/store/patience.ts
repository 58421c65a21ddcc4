const stepMs = 100

/**
 * Calls back in `ms`, in steps of 100 ms, and not at once after a standstill of its own: a process that stood still
 * for seconds finds its timers due before it finds the answers that came meanwhile.
 *
 * @returns what calls it off
 */
export function afterPatience(ms: number, onOver: () => void): () => void {
  let steps = Math.ceil(ms / stepMs)
  const timer = setInterval(() => {
    steps -= 1
    if (steps > 0) return
    clearInterval(timer)
    onOver()
  }, stepMs)
  return () => clearInterval(timer)
}
