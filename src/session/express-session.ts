import type { Request, RequestHandler } from 'express'
import session from 'express-session'
import { GatewayError } from '../errors.ts'
import { createCredential, formatCredential, parseCredential, type Random } from './credential.ts'
import { createExpressStore } from './express-store.ts'
import type { Families } from './families.ts'
import type { Beginning, Credential, SignIn } from './session.ts'

/**
 * Creates the session engine of our own endpoints: express-session, whose sessions are families.
 *
 * `req.secure` must have been set from the configured origin before it runs: express-session puts no
 * Secure cookie on what it takes for plain http.
 */
export function createExpressSession(deps: {
  readonly families: Families
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly keys: readonly string[]
  readonly random: Random
}): RequestHandler {
  return session({
    name: deps.cookie.name,
    secret: [...deps.keys],
    store: createExpressStore(deps.families),
    genid: () => formatCredential(createCredential(deps.random)),
    cookie: { path: '/', httpOnly: true, sameSite: 'strict', secure: deps.cookie.isSecure },
    resave: false,
    saveUninitialized: false,
  })
}

/**
 * Begins a session in this browser, under a new credential. It is written while the one that was there still lives: a
 * store that takes nothing new must not cost both.
 *
 * @param admit ends the one that was there, and has the last word on what was begun
 * @throws {GatewayError} `store_unavailable`, and what `admit` throws; no cookie is set then
 */
export async function beginSession(
  req: Request,
  signIn: SignIn,
  beginning: Beginning,
  admit: (credential: Credential) => Promise<void>,
): Promise<void> {
  try {
    // Not `regenerate`, which ends the old one first.
    req.sessionStore.generate(req)
    req.session.beginning = { signIn, ...beginning }
    await settle(done => req.session.save(done))
    // express-session saves once more when the answer ends; there is nothing left to write then.
    delete req.session.beginning
    const credential = parseCredential(req.sessionID)
    if (credential === null) throw new TypeError('the session id is no credential')
    await admit(credential)
  } catch (error) {
    // express-session would set the cookie of a session that was never saved.
    releaseSession(req)
    throw error instanceof GatewayError ? error : new GatewayError('store_unavailable', 'The session could not be saved.', { cause: error })
  }
}

/** Forgets the session behind the cookie, which has ended, and ends it where it has not. */
export async function endSession(req: Request): Promise<void> {
  await settle(done => req.session.destroy(done))
}

/** Lets go of the session: when the answer begins or ends, express-session does nothing about it any more. */
export function releaseSession(req: Request): void {
  ;(req as { session: unknown }).session = null
}

function settle(run: (done: (error?: unknown) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    run(error => (error ? reject(error) : resolve()))
  })
}
