import { type Html, html } from './html.ts'

/**
 * An instant for people: `22 Nov 2026, 09:00 UTC`. 24 hours, and the month in letters: no country reads it otherwise. A
 * page stays as it is however long it is looked at, so it never says "five minutes ago".
 *
 * By hand: the first use of `Intl` costs the process 7 MB of resident memory for as long as it lives.
 *
 * @param at epoch milliseconds
 */
export function time(at: number): Html {
  const instant = new Date(at)
  // `Sun, 22 Nov 2026 09:00:00 GMT` (ECMA-262, Date.prototype.toUTCString).
  const [, day = '', month = '', year = '', clock = ''] = instant.toUTCString().split(' ')
  return html`<time datetime="${instant.toISOString()}">${Number(day)} ${month} ${year}, ${clock.slice(0, 5)} UTC</time>`
}

/** A length of time for people: `15 minutes`, `1 hour`. @param ms whole seconds of it */
export function span(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const [count, unit] =
    seconds % 3600 === 0 ? [seconds / 3600, 'hour'] : seconds % 60 === 0 ? [seconds / 60, 'minute'] : [seconds, 'second']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
