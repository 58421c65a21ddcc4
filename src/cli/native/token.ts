import { parseArgs } from 'node:util'
import { isoTime } from '../../http/iso-time.ts'
import { exitCode, printJson, type Terminal } from '../terminal.ts'
import { herePlace } from './folders.ts'
import { findHeld } from './held.ts'
import { withJsonErrors } from './json-answer.ts'
import { gatewayOptions } from './profiles.ts'

/** `sallyport token`: prints the handle, for a script. Asks nobody. */
export async function token(args: readonly string[], terminal: Terminal): Promise<number> {
  return withJsonErrors(args, terminal, async () => {
    const { values } = parseArgs({ args: [...args], options: { ...gatewayOptions, json: { type: 'boolean', default: false } } })
    const { gateway, handle, scope, expiresAt } = await findHeld(values, herePlace(terminal.env), Date.now())
    if (values.json) printJson(terminal, { gateway, token: handle, scope, expires_at: expiresAt === null ? null : isoTime(expiresAt) })
    else terminal.print(handle)
    return exitCode.ok
  })
}
