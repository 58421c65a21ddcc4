/** `2026-11-22T12:00:00Z`: UTC, whole seconds, as all our JSON has instants. */
export function isoTime(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`
}
