import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto'
import type { AttemptTicket } from '../session/attempts.ts'
import { formatCredential } from '../session/credential.ts'
import type { Credential } from '../session/session.ts'

/** How long the provider's own sign-out page may keep a person before we take the return for a stray visit. */
const logoutLifeMs = 10 * 60_000

/** What we hand out and know again without keeping it. */
export interface Proofs {
  /** The hidden field of our own forms: fits one session, and no other. */
  formToken(credential: Credential): string
  isFormToken(credential: Credential, token: unknown): boolean
  /** The hidden field of the approval of a native client: fits one attempt, in the browser that holds its ticket. */
  approvalToken(ticket: AttemptTicket): string
  isApprovalToken(ticket: AttemptTicket, token: unknown): boolean
  /** The `state` of a sign-out at the provider, different each time. */
  logoutState(): string
  isLogoutState(state: string | null): boolean
}

/**
 * Creates the proofs, keyed from the cookie keys: the first makes them, all of them know them again, so a key can be
 * exchanged while forms are open.
 */
export function createProofs(deps: { readonly keys: readonly [string, ...string[]]; readonly now: () => number }): Proofs {
  const form = createSigner(deps.keys, 'sallyport form token')
  const approval = createSigner(deps.keys, 'sallyport approval token')
  const logout = createSigner(deps.keys, 'sallyport logout state')

  return {
    formToken: credential => form.sign(formatCredential(credential)),
    isFormToken: (credential, token) => typeof token === 'string' && form.fits(formatCredential(credential), token),

    approvalToken: ({ id, secret }) => approval.sign(`${id}.${secret}`),
    isApprovalToken: ({ id, secret }, token) => typeof token === 'string' && approval.fits(`${id}.${secret}`, token),

    logoutState() {
      const text = `${randomBytes(16).toString('base64url')}.${deps.now()}`
      return `${text}.${logout.sign(text)}`
    },

    isLogoutState(state) {
      const end = state?.lastIndexOf('.') ?? -1
      if (state === null || end === -1 || !logout.fits(state.slice(0, end), state.slice(end + 1))) return false
      const ageMs = deps.now() - Number(state.slice(state.indexOf('.') + 1, end))
      return ageMs < logoutLifeMs
    },
  }
}

/** HMAC-SHA-256 under keys of this purpose alone: a proof for one thing is none for another. */
function createSigner(keys: readonly [string, ...string[]], purpose: string) {
  const [first, ...rest] = keys.map(key => Buffer.from(hkdfSync('sha256', key, '', purpose, 32)))
  const sign = (key: Buffer | undefined, text: string) =>
    createHmac('sha256', key ?? '')
      .update(text)
      .digest('base64url')
  return {
    sign: (text: string) => sign(first, text),
    fits: (text: string, proof: string) => [first, ...rest].some(key => isSame(sign(key, text), proof)),
  }
}

/** Compares in constant time; only the lengths, which are public, show. */
export function isSame(expected: string, given: string): boolean {
  const one = Buffer.from(expected)
  const other = Buffer.from(given)
  return one.length === other.length && timingSafeEqual(one, other)
}
