import { codeOf, forever } from './session-state.ts'
import type { SignIn } from './sign-in.ts'

export interface CallOptions extends RequestInit {
  /** For what the page asks by itself, such as polling: it keeps no session alive, and its refusal leads nowhere. */
  readonly background?: boolean
}

/** As the browser's own `fetch`, for calls through the gateway. */
export type Call = (input: RequestInfo | URL, options?: CallOptions) => Promise<Response>

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
    const code = codeOf(response)
    if (background || response.status !== 401 || !code) return response
    // The answer to HEAD has no body.
    const problem = (await response
      .clone()
      .json()
      .catch(() => ({}))) as { readonly login_url?: string }
    const isLeaving = await signIn.decide(code, round, problem.login_url)
    return isLeaving ? forever() : response
  }
}
