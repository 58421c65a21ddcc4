import type { Events } from './events.ts'
import { codeOf, forever, SallyportError } from './session-state.ts'

export interface LogoutOptions {
  /** Ends all other sessions of the person too. */
  readonly everywhere?: boolean
}

/**
 * Creates what signs out: first here, then at the provider, where the browser is sent. Where the call cannot be made at
 * all (a content security policy forbids it) a form does the same.
 *
 * @throws {SallyportError} when the session could not be ended: it lives on, and so does the page
 */
export function createLogout(base: string, events: Events) {
  return async function logout({ everywhere = false }: LogoutOptions = {}): Promise<never> {
    const action = `${base}/logout`
    const headers = { accept: 'application/json', 'x-csrf': '1' }
    const body = new URLSearchParams({ everywhere: String(everywhere) })
    const response = await fetch(action, { method: 'POST', headers, body }).catch(() => null)
    if (response === null) {
      submitForm(action, body)
    } else {
      if (!response.ok) throw new SallyportError(response.status, codeOf(response))
      const { logout_url } = (await response.json()) as { readonly logout_url: string }
      events.tell({ type: 'session_ended', reason: 'logged_out' })
      location.assign(logout_url)
    }
    return forever()
  }
}

function submitForm(action: string, body: URLSearchParams): void {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = action
  for (const [name, value] of body) {
    const field = form.appendChild(document.createElement('input'))
    Object.assign(field, { type: 'hidden', name, value })
  }
  document.body.append(form)
  form.submit()
}
