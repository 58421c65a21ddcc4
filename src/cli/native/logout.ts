import { parseArgs } from 'node:util'
import { CommandError, exitCode, printJson, type Terminal } from '../terminal.ts'
import { discover } from './authorization-server.ts'
import { removeCredential } from './credential-store.ts'
import { herePlace } from './folders.ts'
import { findStored } from './held.ts'
import { withJsonErrors } from './json-answer.ts'
import { chooseGateway, gatewayOptions } from './profiles.ts'
import { localTime } from './report-sign-in.ts'
import { revokeHandle } from './token-call.ts'

/**
 * `sallyport logout`: ends the session at the gateway, and forgets the handle. It is forgotten in any case; where the
 * gateway could not be told, that is said, and the exit code is its own.
 */
export async function logout(args: readonly string[], terminal: Terminal): Promise<number> {
  const place = herePlace(terminal.env)
  if ((terminal.env.SALLYPORT_TOKEN ?? '') !== '') terminal.remark('SALLYPORT_TOKEN is still set: what it holds is not ended.')

  return withJsonErrors(args, terminal, async () => {
    const { values } = parseArgs({ args: [...args], options: { ...gatewayOptions, json: { type: 'boolean', default: false } } })
    const chosen = chooseGateway(values, place)
    const found = await findStored(chosen, place)
    if (found === null) {
      if (values.json) printJson(terminal, { gateway: chosen.gateway, revoked: false, removed: false })
      else terminal.print(`Not signed in to ${chosen.gateway}.`)
      return exitCode.ok
    }
    const trouble = await revoke(chosen.gateway, found.held.handle)
    await removeCredential(found.from, chosen)
    if (trouble !== null) {
      const until = found.held.expiresAt === null ? '' : `, until ${localTime(found.held.expiresAt)} at most`
      const message = `the handle is gone from this machine, but its session lives on at the gateway${until}: ${trouble.message}`
      throw new CommandError(message, trouble.exitCode)
    }
    if (values.json) printJson(terminal, { gateway: chosen.gateway, revoked: true, removed: true })
    else terminal.print(`Signed out of ${chosen.gateway}.`)
    return exitCode.ok
  })
}

/** @returns why it may live on; null when it does not */
async function revoke(gateway: string, handle: string): Promise<CommandError | null> {
  try {
    await revokeHandle(await discover(gateway), handle)
    return null
  } catch (error) {
    if (error instanceof CommandError) return error
    throw error
  }
}
