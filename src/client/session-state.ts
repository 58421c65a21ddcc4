/** Why a session is over (docs/endpoints.md). */
export type EndReason = 'idle' | 'expired' | 'revoked' | 'logged_out'

/** What GET /auth/session says of somebody who is signed in. Times are ISO 8601 in UTC, `_in` are whole seconds. */
export interface SignedIn {
  readonly authenticated: true
  readonly server_time: string
  readonly user: {
    readonly provider: string
    readonly sub: string
    readonly name: string | null
    readonly email: string | null
    readonly claims: Readonly<Record<string, unknown>>
  }
  readonly session: {
    readonly session_id: string
    readonly kind: string
    readonly created_at: string
    readonly auth_time: string
    readonly acr: string | null
    readonly amr: readonly string[]
    readonly idle_expires_at: string
    readonly idle_expires_in: number
    readonly absolute_expires_at: string
    readonly absolute_expires_in: number
  }
  readonly tokens: { readonly access_expires_in: number; readonly refreshed_at: string | null; readonly renewable: boolean }
  readonly login_url: string
  readonly logout_url: string
  readonly account_url: string
}

export interface SignedOut {
  readonly authenticated: false
  readonly server_time: string
  readonly reason?: EndReason
  readonly login_url: string
}

export type SessionState = SignedIn | SignedOut

/** An answer that was an error. */
export class SallyportError extends Error {
  override readonly name = 'SallyportError'
  readonly status: number
  /**
   * The gateway's code (docs/errors.md), such as `store_unavailable`; empty where the answer was somebody else's, such as a
   * proxy's. One is the client's own: `sign_in_loop`, when a sign-in came back and a call is refused as before.
   */
  readonly code: string

  constructor(status: number, code: string) {
    super(`${status} ${code}`)
    this.status = status
    this.code = code
  }
}

/** The code of an error that the gateway made; empty for every other answer. */
export function codeOf(response: Response): string {
  return response.headers.get('sallyport-error') ?? ''
}

/** Asks who is signed in. @throws {SallyportError} when the gateway cannot say: that is no sign-out */
export async function readSession(base: string): Promise<SessionState> {
  const response = await fetch(`${base}/session`, { headers: { 'x-csrf': '1' } })
  if (!response.ok) throw new SallyportError(response.status, codeOf(response))
  return (await response.json()) as SessionState
}

/** What a call waits for while its page is being left: nothing is to happen after it. */
export function forever(): Promise<never> {
  return new Promise(() => {})
}
