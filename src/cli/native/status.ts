import { parseArgs } from 'node:util'
import { isoTime } from '../../http/iso-time.ts'
import { exitCode, printJson, type Terminal } from '../terminal.ts'
import { displayable } from './displayable.ts'
import { herePlace } from './folders.ts'
import { findHeld, loginNeeded } from './held.ts'
import { withJsonErrors } from './json-answer.ts'
import { gatewayOptions } from './profiles.ts'
import { localTime } from './report-sign-in.ts'
import { askWho, nameOf } from './whoami.ts'

// Expiries are counted from this machine's clock; certificates are judged by it as well.
const worthSayingMs = 60_000

/** `sallyport status`: who is signed in, for how long, and where the handle is kept. */
export async function status(args: readonly string[], terminal: Terminal): Promise<number> {
  return withJsonErrors(args, terminal, async () => {
    const { values } = parseArgs({ args: [...args], options: { ...gatewayOptions, json: { type: 'boolean', default: false } } })
    const held = await findHeld(values, herePlace(terminal.env), Date.now())
    const who = await askWho(held, Date.now)
    if (who === null) throw loginNeeded(`the session at ${held.gateway} has ended`, held)
    // A handle that came in a variable says nothing of itself.
    const scope = who.scopes?.join(' ') ?? held.scope ?? ''
    if (Math.abs(who.clockAheadMs) > worthSayingMs)
      terminal.remark(
        `This machine's clock is ${Math.round(Math.abs(who.clockAheadMs) / 1000)} s ${who.clockAheadMs > 0 ? 'ahead of' : 'behind'} the gateway's: set it right.`,
      )
    if (values.json) {
      printJson(terminal, {
        gateway: held.gateway,
        profile: held.profile,
        user: { provider: who.provider, sub: who.sub, name: who.name, email: who.email },
        session_id: who.sessionId,
        scope,
        ...(who.calls === null ? {} : { max_calls: who.calls.max, remaining_calls: who.calls.remaining }),
        idle_expires_at: isoTime(who.idleExpiresAt),
        absolute_expires_at: isoTime(who.absoluteExpiresAt),
        stored_in: held.storedIn,
      })
      return exitCode.ok
    }
    const rows = [
      ['gateway', held.gateway],
      ['user', displayable(`${nameOf(who)} (${who.sub} at ${who.provider})`)],
      ['session', displayable(who.sessionId)],
      ['may do', displayable(scope)],
      ...(who.calls === null ? [] : [['calls', `${who.calls.remaining} of ${who.calls.max} left`]]),
      ['until', `${localTime(who.absoluteExpiresAt)}; unused, until ${localTime(who.idleExpiresAt)}`],
      ['stored in', held.storedIn],
    ]
    terminal.print(rows.map(([name = '', value]) => `${terminal.strong(name.padEnd(10))}${value}`).join('\n'))
    return exitCode.ok
  })
}
