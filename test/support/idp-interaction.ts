import type { IncomingMessage, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Provider } from 'oidc-provider'
import type { Person } from './idp-people.ts'

/** The fields of the provider's sign-in form; `decision=deny` in place of a password refuses the client. */
export type SignInForm = { readonly username: string; readonly password: string } | { readonly decision: 'deny' }

/**
 * Serves the provider's own pages: a sign-in form that people, browsers and scripts can fill in.
 * Consent is given without asking.
 */
export async function interact(
  provider: Provider,
  people: Readonly<Record<string, Person>>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response)
  const finish = (result: Parameters<Provider['interactionFinished']>[2]) =>
    provider.interactionFinished(request, response, result, { mergeWithLastSubmission: true })

  if (prompt.name === 'consent') {
    const known = grantId === undefined ? undefined : await provider.Grant.find(grantId)
    const grant = known ?? new provider.Grant({ clientId: String(params.client_id), accountId: session?.accountId ?? '' })
    grant.addOIDCScope(String(params.scope))
    return finish({ consent: { grantId: await grant.save() } })
  }
  if (request.method !== 'POST') return showForm(response, 200, typeof params.login_hint === 'string' ? params.login_hint : '')

  const form = new URLSearchParams(await text(request))
  if (form.get('decision') === 'deny') return finish({ error: 'access_denied', error_description: 'the person said no' })
  const person = people[form.get('username') ?? '']
  if (person === undefined || person.password !== form.get('password')) return showForm(response, 401, form.get('username') ?? '')
  const acr = typeof params.acr_values === 'string' ? params.acr_values.split(' ')[0] : undefined
  const accountId = String(person.claims.sub)
  await finish({ login: { accountId, acr: acr ?? 'urn:example:pwd', amr: acr === 'urn:example:mfa' ? ['pwd', 'otp'] : ['pwd'] } })
}

function showForm(response: ServerResponse, status: number, username: string): void {
  response.writeHead(status, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' }).end(`<!doctype html>
<html lang="en"><meta name="viewport" content="width=device-width"><title>Sign in at the test provider</title>
<main><h1>Sign in</h1>${status === 401 ? '<p role="alert">Wrong name or password.</p>' : ''}
<form method="post">
<label>User name <input name="username" autocomplete="username" value="${username.replace(/[&<>"]/g, '')}"></label>
<label>Password <input name="password" type="password" autocomplete="current-password"></label>
<button type="submit">Sign in</button> <button type="submit" name="decision" value="deny">Cancel</button>
</form></main></html>`)
}
