import type { SignIn } from './sign-in.ts'

export interface CallOptions extends RequestInit {
  /** For what the page asks by itself, such as polling: it keeps no session alive, and its refusal leads nowhere. */
  readonly background?: boolean
}

/** As the browser's own `fetch`, for calls through the gateway. */
export type Call = (input: RequestInfo | URL, options?: CallOptions) => Promise<Response>

const signInCodes = ['not_signed_in', 'session_idle', 'session_expired', 'session_revoked', 'step_up_required']

/**
 * Creates the `fetch` for calls through the gateway. A 401 is the gateway's when it says so by `Sallyport-Error`, and
 * then a matter of signing in; one of the API itself is the caller's. Other origins are called as ever, without our headers.
 *
 * While the page is being left for a sign-in the promise stays open, so that nothing of a refusal is shown.
 */
export function createCall(signIn: SignIn): Call {
  return async function call(input, { background = false, ...init } = {}) {
    const request = new Request(input, init)
    if (new URL(request.url).origin !== location.origin) return fetch(request)
    request.headers.set('x-csrf', '1')
    if (background) request.headers.set('sallyport-background', '1')

    const round = signIn.round()
    const response = await fetch(request)
    const code = response.headers.get('sallyport-error') ?? ''
    if (background || response.status !== 401 || !signInCodes.includes(code)) return response
    const problem = (await response
      .clone()
      .json()
      .catch(() => null)) as { readonly login_url?: unknown } | null
    const isLeaving = await signIn.decide(code, problem?.login_url, round)
    return isLeaving ? new Promise<never>(() => {}) : response
  }
}
