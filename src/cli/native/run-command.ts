import { parseArgs } from 'node:util'
import { durationForm, parseDuration } from '../../config/durations.ts'
import { type Terminal, UsageError } from '../terminal.ts'
import { discover } from './authorization-server.ts'
import { runChild } from './child-process.ts'
import { delegate } from './delegate.ts'
import { herePlace } from './folders.ts'
import { findHeld } from './held.ts'
import { gatewayOptions } from './profiles.ts'
import { revokeHandle } from './token-call.ts'

/**
 * `sallyport run`: a command with a handle of its own, which may do less and lives shorter than ours, in its environment
 * and nowhere else. It is revoked when the command has ended; when we are killed, its time runs out.
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const at = args.indexOf('--')
  const [program, ...rest] = at === -1 ? [] : args.slice(at + 1)
  const options = { ...gatewayOptions, scope: { type: 'string' }, ttl: { type: 'string', default: '15m' } } as const
  const { values } = parseArgs({ args: at === -1 ? [...args] : args.slice(0, at), options })
  if (program === undefined) throw new UsageError('which command? Give it after --')
  if (values.scope === undefined) throw new UsageError('what may the command do? Give --scope; sallyport status says what there is')
  const ttlMs = durationForm.test(values.ttl) ? parseDuration(values.ttl) : 0
  if (ttlMs < 1000 || ttlMs > 30 * 86_400_000) throw new UsageError('--ttl is a duration from 1s to 30d, such as 15m')

  const { gateway, handle } = await findHeld(values, herePlace(terminal.env), Date.now())
  const server = await discover(gateway)
  const child = await delegate(server, handle, { scope: values.scope, ttlSeconds: Math.floor(ttlMs / 1000) })
  try {
    const env = { ...terminal.env, SALLYPORT_TOKEN: child.handle, SALLYPORT_GATEWAY: gateway }
    return await runChild([program, ...rest], { stdio: 'inherit', env })
  } finally {
    await revokeHandle(server, child.handle).catch(error =>
      terminal.remark(`sallyport: the command's handle could not be revoked, and lives for ${values.ttl} at most: ${error.message}`),
    )
  }
}
