import assert from 'node:assert/strict'
import type { Response } from 'supertest'
import type { SignInOptions } from './identity-provider.ts'
import { createVisitor, type Peer, refreshOf, type Visitor } from './visitor.ts'

/**
 * A browser of its own that has signed in.
 *
 * @param options.userAgent what it calls itself
 */
export async function signIn(
  gateway: Parameters<typeof createVisitor>[0],
  idp: Peer,
  options: SignInOptions & { readonly userAgent?: string } = {},
): Promise<Visitor> {
  const { userAgent, ...asked } = options
  const visitor = createVisitor(gateway)
  const callback = await visitor.begin(idp, asked)
  const handOff = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
  const headers: Record<string, string> = userAgent === undefined ? {} : { 'user-agent': userAgent }
  assert.equal((await visitor.visit(refreshOf(handOff) ?? '', { headers })).status, 303)
  return visitor
}

/** The public id of the session that a visitor has. */
export async function idOf(visitor: Visitor): Promise<string> {
  return (await visitor.session()).session.session_id
}

/** The ids in the list of sessions that a visitor gets, in its order. */
export async function listedIds(visitor: Visitor): Promise<string[]> {
  const { sessions } = (await visitor.call('/auth/sessions')).body as { sessions: { session_id: string }[] }
  return sessions.map(session => session.session_id)
}

/** Holds an answer to be a refusal, with a code, that takes nothing from the browser. */
export function refused({ status, headers }: Response, expected: number, code: string): void {
  assert.deepEqual([status, headers['sallyport-error']], [expected, code])
  assert.deepEqual([headers['set-cookie'], headers['clear-site-data'], headers.location], [undefined, undefined, undefined])
}
