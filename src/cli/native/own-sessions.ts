import { printable } from '../../config/mistakes.ts'
import { CommandError, exitCode, type Terminal } from '../terminal.ts'
import { herePlace } from './folders.ts'
import { callGateway, textOf } from './gateway-call.ts'
import { findHeld, loginNeeded } from './held.ts'
import { ownEndpoints } from './whoami.ts'

/** What the person's own handle can do about the person's own sessions. */
export interface OwnSessions {
  /** The gateway's answer, and its clock: epoch milliseconds, NaN when it does not tell. */
  list(): Promise<{ readonly body: unknown; readonly at: number }>
  revoke(sessionId: string): Promise<void>
}

/** @throws {CommandError} 4 when there is no handle */
export async function openOwnSessions(
  given: { readonly gateway?: string; readonly profile?: string },
  terminal: Terminal,
): Promise<OwnSessions> {
  const held = await findHeld(given, herePlace(terminal.env), Date.now())

  async function call(method: 'GET' | 'DELETE', path: string) {
    const answer = await callGateway(`${await ownEndpoints(held)}/sessions${path}`, { method, handle: held.handle })
    if (answer.status < 300) return answer
    if (answer.status === 401) throw loginNeeded(`the session at ${held.gateway} has ended`, held)
    const code = printable(answer.headers.get('sallyport-error') ?? '')
    if (code === 'insufficient_scope') {
      throw new CommandError(
        "the sign-in does not have the scope sessions: sign in with --scope 'sessions …' (insufficient_scope)",
        exitCode.denied,
      )
    }
    if (code === 'no_route' && path !== '')
      throw new CommandError('there is no session of this id, or it ended already (404 no_route)', exitCode.other)
    const exit = answer.status === 403 ? exitCode.denied : answer.status >= 500 ? exitCode.unreachable : exitCode.other
    throw new CommandError(`${printable(textOf(answer.body, 'title')) || 'the gateway refused'} (${answer.status} ${code})`, exit)
  }

  return {
    async list() {
      const { body, headers } = await call('GET', '')
      return { body, at: Date.parse(headers.get('date') ?? '') }
    },
    async revoke(sessionId) {
      await call('DELETE', `/${encodeURIComponent(sessionId)}`)
    },
  }
}
