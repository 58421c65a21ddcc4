import type { Events } from './events.ts'
import { errorOf } from './session-state.ts'

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
    const headers = { accept: 'application/json', 'content-type': 'application/json', 'x-csrf': '1' }
    const response = await fetch(`${base}/logout`, { method: 'POST', headers, body: JSON.stringify({ everywhere }) }).catch(() => null)
    if (response === null) {
      submitForm(`${base}/logout`, everywhere)
    } else {
      if (!response.ok) throw await errorOf(response)
      const { logout_url } = (await response.json()) as { readonly logout_url: string }
      events.tell({ type: 'session_ended', reason: 'logged_out' })
      location.assign(logout_url)
    }
    return new Promise<never>(() => {})
  }
}

function submitForm(action: string, everywhere: boolean): void {
  const form = document.createElement('form')
  form.method = 'post'
  form.action = action
  const field = document.createElement('input')
  field.name = 'everywhere'
  field.value = String(everywhere)
  form.append(field)
  form.hidden = true
  document.body.append(form)
  form.submit()
}
