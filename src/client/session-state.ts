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

/** What the gateway itself answered with, when it was an error (docs/errors.md). */
export class SallyportError extends Error {
  override readonly name: string = 'SallyportError'
  readonly status: number
  /** The code, such as `session_expired`; empty where the answer was not the gateway's. */
  readonly code: string

  constructor(message: string, status: number, code: string) {
    super(message)
    this.status = status
    this.code = code
  }
}

export async function errorOf(response: Response): Promise<SallyportError> {
  const code = response.headers.get('sallyport-error') ?? ''
  return new SallyportError(code || `unexpected answer ${response.status}`, response.status, code)
}

/** Asks who is signed in. @throws {SallyportError} when the gateway cannot say: that is no sign-out */
export async function readSession(base: string): Promise<SessionState> {
  const response = await fetch(`${base}/session`, { headers: { accept: 'application/json', 'x-csrf': '1' } })
  if (!response.ok) throw await errorOf(response)
  return (await response.json()) as SessionState
}
