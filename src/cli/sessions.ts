import { parseArgs } from 'node:util'
import { type AdminClient, adminOptions, openAdmin } from './admin-client.ts'
import { withJsonErrors } from './native/json-answer.ts'
import { openOwnSessions } from './native/own-sessions.ts'
import { gatewayOptions } from './native/profiles.ts'
import { sessionTable } from './session-table.ts'
import { CommandError, exitCode, printJson, type Terminal, UsageError } from './terminal.ts'

const userOptions = { ...gatewayOptions, ...adminOptions, provider: { type: 'string' }, sub: { type: 'string' } } as const
const user = '--provider P --sub S'

/** `sallyport sessions ls`: one's own sessions, or as an administrator a user's, as a table or as the gateway says it. */
export function listSessions(args: readonly string[], terminal: Terminal): Promise<number> {
  return withJsonErrors(args, terminal, async () => {
    const { values } = parseArgs({
      args: [...args],
      options: { ...userOptions, json: { type: 'boolean', default: false } },
    })
    const admin = adminOf(values, terminal)
    const query = userQuery(values)
    if (admin !== null && query === null) throw new UsageError(`whose sessions? Give ${user}`)

    const { body, at } = await (admin?.call('GET', `/admin/sessions${query}`) ?? (await openOwnSessions(values, terminal)).list())
    const table = sessionTable(body, at)
    if (table === null) throw new CommandError('the answer is not a list of sessions: is this a gateway?', exitCode.other)
    const [head = '', ...rows] = table
    if (values.json) printJson(terminal, body)
    else if (rows.length === 0) terminal.remark('no sessions')
    else terminal.print([terminal.strong(head), ...rows].join('\n'))
    return exitCode.ok
  })
}

/** `sallyport sessions revoke`: ends one session with its children, or all of a user's. */
export async function revokeSessions(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArgs({
    args: withIdsLast(args),
    options: userOptions,
    allowPositionals: true,
  })
  const admin = adminOf(values, terminal)
  const query = userQuery(values)
  const [sessionId, ...more] = positionals
  if (admin === null) {
    if (sessionId === undefined || more.length > 0) throw new UsageError('which session? Give one SESSION_ID of sallyport sessions ls')
    await (await openOwnSessions(values, terminal)).revoke(sessionId)
    terminal.print('1 session ended')
    return exitCode.ok
  }
  if (more.length > 0 || (sessionId === undefined) === (query === null)) {
    throw new UsageError(`which sessions? Give one SESSION_ID, or ${user} for all of a user's`)
  }

  if (sessionId !== undefined) {
    const words = { no_route: 'there is no session of this id, or it ended already' }
    await admin.call('DELETE', `/admin/sessions/${encodeURIComponent(sessionId)}`, words)
    terminal.print('1 session ended')
    return exitCode.ok
  }
  const { body } = await admin.call('DELETE', `/admin/sessions${query}`)
  const revoked = typeof body === 'object' && body !== null && 'revoked' in body ? Number(body.revoked) : Number.NaN
  if (!Number.isInteger(revoked)) throw new CommandError('the answer does not say how many sessions ended', exitCode.other)
  terminal.print(`${revoked} session${revoked === 1 ? '' : 's'} ended`)
  return exitCode.ok
}

/** The way in by the admin port; null for one's own sessions, by the stored handle. */
function adminOf(values: { readonly [Name in keyof typeof userOptions]?: string }, { env }: Terminal): AdminClient | null {
  if (values.admin !== undefined) return openAdmin(values, env)
  const given = (['provider', 'sub', 'token-file'] as const).find(name => values[name] !== undefined)
  if (given !== undefined)
    throw new UsageError(`--${given} is for administrators: give --admin URL as well, or leave it out for your own sessions`)
  return null
}

/** One id in 64 begins with a dash, and would pass for options; no option of ours has the length of one (22). */
function withIdsLast(args: readonly string[]): string[] {
  if (args.includes('--')) return [...args]
  const { ids = [], others = [] } = Object.groupBy(args, arg => (/^-[\w-]{21}(\.[\w-]+)?$/.test(arg) ? 'ids' : 'others'))
  return [...others, '--', ...ids]
}

/** @returns null when neither was given */
function userQuery({ provider, sub }: { readonly provider?: string; readonly sub?: string }): string | null {
  if (provider === undefined && sub === undefined) return null
  // Whose sessions these are takes both: a sub is one person's at one provider only.
  if (!provider || !sub) throw new UsageError(`a user is both: ${user}`)
  return `?${new URLSearchParams({ provider, sub })}`
}
