import type { SignIn } from '../../src/session/session.ts'

/** What a provider's answer becomes, with tokens that are easy to search for. */
export function makeSignIn(now: number, changes: Partial<SignIn> = {}): SignIn {
  return {
    provider: 'main',
    sub: 'alice',
    authTime: now,
    acr: null,
    amr: ['pwd'],
    sid: 'sid-1',
    idToken: null,
    refreshToken: 'refresh-token-canary',
    grantExpiresAt: null,
    audiences: null,
    scopes: ['openid', 'orders.read'],
    access: { token: 'access-token-canary', scopes: ['openid', 'orders.read'], expiresAt: now + 300_000, refreshedAt: now },
    claims: { name: 'Alice', email: 'alice@example.com', groups: ['ops'] },
    ...changes,
  }
}
