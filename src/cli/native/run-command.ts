import { basename } from 'node:path'
import { parseArgs } from 'node:util'
import { durationForm, parseDuration } from '../../config/durations.ts'
import { type Terminal, UsageError } from '../terminal.ts'
import { discover } from './authorization-server.ts'
import { runChild } from './child-process.ts'
import { type Delegation, delegate } from './delegate.ts'
import { herePlace } from './folders.ts'
import { findHeld, type Held, loginNeeded } from './held.ts'
import { withInterrupts } from './interrupts.ts'
import { gatewayOptions, requireScopes } from './profiles.ts'
import { type Issued, OAuthError, revokeHandle } from './token-call.ts'
import { askWho } from './whoami.ts'

const options = {
  ...gatewayOptions,
  scope: { type: 'string' },
  ttl: { type: 'string', default: '15m' },
  name: { type: 'string' },
  route: { type: 'string', multiple: true },
  'max-calls': { type: 'string' },
} as const

// The gateway gives no agent more than a working day.
const longestTtlMs = 8 * 3_600_000

/**
 * `sallyport run`: a command with a handle of its own, which may do less and lives shorter than ours, in its environment
 * and nowhere else. It is revoked when the command has ended, or when a signal comes before it has begun; when we are
 * killed, its time runs out.
 */
export async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const at = args.indexOf('--')
  const [program, ...rest] = at === -1 ? [] : args.slice(at + 1)
  const { values } = parseArgs({ args: at === -1 ? [...args] : args.slice(0, at), options })
  if (program === undefined) throw new UsageError('which command? Give it after --')
  const wish = readDelegation(values, program)

  const held = await findHeld(values, herePlace(terminal.env), Date.now())
  // Around all the rest: a signal that ended us between the exchange and the revocation would leave a handle behind.
  return withInterrupts(async interrupted => {
    const server = await discover(held.gateway, interrupted)
    // Not broken off: the gateway may have made the handle, and only its answer says which one to revoke.
    const say = () => terminal.remark('sallyport: cancelled: waits for the gateway to say which handle to revoke')
    interrupted.addEventListener('abort', say)
    const child = await delegate(server, held.handle, wish).catch(error => explain(error, held))
    interrupted.removeEventListener('abort', say)
    try {
      interrupted.throwIfAborted()
      const env = { ...terminal.env, SALLYPORT_TOKEN: child.handle, SALLYPORT_GATEWAY: held.gateway }
      return await runChild([program, ...rest], { stdio: 'inherit', env })
    } finally {
      await revokeHandle(server, child.handle).catch(error =>
        terminal.remark(`sallyport: the command's handle could not be revoked, and lives for ${values.ttl} at most: ${error.message}`),
      )
    }
  })
}

function readDelegation(
  values: { readonly [Name in 'scope' | 'ttl' | 'name' | 'max-calls']?: string } & { readonly route?: readonly string[] },
  program: string,
): Delegation {
  const { scope, ttl = '', name = basename(program), route: routes = null, 'max-calls': maxCalls = null } = values
  if (scope === undefined) throw new UsageError('what may the command do? Give --scope; sallyport status says what there is')
  requireScopes(scope)
  const ttlMs = durationForm.test(ttl) ? parseDuration(ttl) : 0
  if (ttlMs < 1000 || ttlMs > longestTtlMs) throw new UsageError('--ttl is a duration from 1s to 8h, such as 15m')
  if (maxCalls !== null && !/^[1-9]\d{0,6}$/.test(maxCalls)) throw new UsageError('--max-calls is a whole number from 1')
  // What a list and an audit can show (docs/native-clients.md).
  const shown = name.replace(/[^A-Za-z0-9._-]/g, '-').replace(/^[^A-Za-z0-9]+/, '')
  return {
    scope,
    ttlSeconds: Math.floor(ttlMs / 1000),
    name: shown.slice(0, 64) || 'agent',
    routes,
    maxCalls: maxCalls === null ? null : Number(maxCalls),
  }
}

/** The gateway says the same of a session that has ended and of too many agents; what to do about them differs. */
async function explain(error: unknown, held: Held): Promise<Issued> {
  if (error instanceof OAuthError && error.error === 'invalid_request' && (await askWho(held, Date.now)) === null)
    throw loginNeeded(`the session at ${held.gateway} has ended`, held)
  throw error
}
