// A gateway that was away gets everybody back at once: so each waits for a time of its own.
const firstMs = 1_000
const mostMs = 60_000

/** How long to wait before the next try, in ms: longer after each failure, and never the same for two pages. */
export function backOffMs(failures: number): number {
  return Math.min(firstMs * 2 ** failures, mostMs) * (0.5 + Math.random() / 2)
}
