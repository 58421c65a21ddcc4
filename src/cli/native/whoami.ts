import { CommandError, exitCode } from '../terminal.ts'
import { discover } from './authorization-server.ts'
import { callGateway, textOf } from './gateway-call.ts'
import type { Held } from './held.ts'
import { longestSeconds } from './token-call.ts'

/** Who a handle stands for, as GET /auth/session says it (contract.md section 5). */
export interface Who {
  readonly provider: string
  readonly sub: string
  readonly name: string
  readonly email: string
  readonly sessionId: string
  /** What was approved; null when the gateway does not say. */
  readonly scopes: readonly string[] | null
  /** What an agent may still call, of how many; null where that is not limited, or the gateway does not say. */
  readonly calls: { readonly remaining: number; readonly max: number } | null
  /** By this machine's clock, epoch milliseconds: whichever limit comes first, if nothing is done until then. */
  readonly idleExpiresAt: number
  readonly absoluteExpiresAt: number
  /** How far this machine's clock is ahead of the gateway's, milliseconds. */
  readonly clockAheadMs: number
}

/**
 * Asks the gateway who is signed in. That does not count as use: nothing is extended.
 *
 * @returns null when the handle is not valid any more
 * @throws {CommandError} 6 when it cannot be asked
 */
export async function askWho(held: Pick<Held, 'gateway' | 'handle' | 'basePath'>, now: () => number): Promise<Who | null> {
  const { gateway, handle } = held
  const { status, body } = await callGateway(`${await ownEndpoints(held)}/session`, { handle })
  if (status === 401 || body.authenticated === false) return null
  if (status >= 500 || status === 429) throw new CommandError(`${gateway} cannot answer now (${status}): try again`, exitCode.unreachable)
  if (status === 404) {
    const advice = 'is that the address of the applications, or only the one where people sign in?'
    throw new CommandError(`${gateway} does not say who is signed in: ${advice}`, exitCode.other)
  }
  if (body.authenticated !== true) throw new CommandError(`${gateway} answers ${status}, and does not say who is signed in`, exitCode.other)
  const [user, session, at] = [objectOf(body, 'user'), objectOf(body, 'session'), now()]
  return {
    provider: textOf(user, 'provider'),
    sub: textOf(user, 'sub'),
    name: textOf(user, 'name'),
    email: textOf(user, 'email'),
    sessionId: textOf(session, 'session_id'),
    scopes: Array.isArray(session.scopes) ? session.scopes.map(String) : null,
    calls: callsOf(objectOf(session, 'agent')),
    // What is left is the gateway's to say; the clock that it is added to is ours.
    idleExpiresAt: at + secondsOf(session, 'idle_expires_in'),
    absoluteExpiresAt: at + secondsOf(session, 'absolute_expires_in'),
    clockAheadMs: at - (Date.parse(textOf(body, 'server_time')) || at),
  }
}

/** Where the gateway's own endpoints are. @throws {CommandError} when it must be asked, and cannot be */
export async function ownEndpoints({ gateway, basePath }: Pick<Held, 'gateway' | 'basePath'>): Promise<string> {
  return gateway + (basePath ?? (await discover(gateway)).basePath)
}

/** How a person is called, from what is known of them. */
export function nameOf({ email, name, sub }: Pick<Who, 'email' | 'name' | 'sub'>): string {
  return email || name || sub
}

function objectOf(body: Readonly<Record<string, unknown>>, name: string): Readonly<Record<string, unknown>> {
  const value = body[name]
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {}
}

function callsOf({ remaining_calls: remaining, max_calls: max }: Readonly<Record<string, unknown>>): Who['calls'] {
  return typeof remaining === 'number' && typeof max === 'number' ? { remaining, max } : null
}

function secondsOf(body: Readonly<Record<string, unknown>>, name: string): number {
  const value = body[name]
  // Nothing that a calendar cannot name.
  return typeof value === 'number' ? Math.min(Math.max(value, 0), longestSeconds) * 1000 : 0
}
