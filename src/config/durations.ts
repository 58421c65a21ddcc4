const msPerUnit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** How a duration is written, in the configuration and on the command line: `500ms`, `30s`, `15m`, `12h`, `7d`. */
export const durationForm = /^(0|[1-9][0-9]{0,8})(ms|s|m|h|d)$/

/** @param written in {@link durationForm}. @returns milliseconds */
export function parseDuration(written: string): number {
  const unit = written.replace(/\d+/, '') as keyof typeof msPerUnit
  return Number.parseInt(written, 10) * msPerUnit[unit]
}
