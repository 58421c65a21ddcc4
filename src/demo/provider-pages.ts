import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import { escapeHtml } from './escape-html.ts'

const style = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; --line: #c5cbd5; --card: #fff; --page: #eef0f4; --ink: #1b2230; --accent: #6b3fa0; --bad: #a1260d; }
@media (prefers-color-scheme: dark) { :root { --line: #444c5c; --card: #1d222c; --page: #12151b; --ink: #e8ebf1; --accent: #c6a5ee; --bad: #ff9d88; } }
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--page); color: var(--ink) }
main { width: 100%; max-width: 26rem; padding: 2rem; background: var(--card); border: 1px solid var(--line); border-radius: 1rem }
h1 { margin: 0 0 .5rem; font-size: 1.4rem } p { margin: 0 0 1rem }
.site { margin: 0 0 1.25rem; font-size: .85rem; color: var(--accent); font-weight: 600 }
label { display: block; margin-bottom: 1rem; font-weight: 600 }
input { display: block; width: 100%; margin-top: .25rem; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--page); border: 1px solid #818a9a; border-radius: .5rem }
button { width: 100%; padding: .65rem 1rem; font: inherit; font-weight: 600; color: var(--card); background: var(--accent); border: 0; border-radius: .5rem; cursor: pointer }
a { color: var(--accent) }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
.note { margin: 1rem 0 0; font-size: .9rem }
.bad { color: var(--bad); font-weight: 600 }
`

/** Sent with every page of the provider. No form-action: signing in and out ends on the gateway's site. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; img-src data:; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'; base-uri 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

/** Sends one of these pages. */
export function answerPage(res: ServerResponse, status: number, html: string): void {
  res.writeHead(status, pageHeaders).end(html)
}

/** The form for username and password; `failed` after a wrong one. */
export function renderSignIn(form: { readonly action: string; readonly username: string; readonly failed: boolean }): string {
  const trouble = form.failed ? '<p class="bad" role="alert">That username and password do not go together.</p>' : ''
  return page(
    'Sign in',
    `<h1>Sign in</h1>
${trouble}<form method="post" action="${escapeHtml(form.action)}">
<label>Username<input name="username" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus value="${escapeHtml(form.username)}"></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button>
</form>
<p class="note">The terminal that runs the demo shows the usernames and their passwords.</p>`,
  )
}

/** Asks whether to end the provider's own session; `form` is the library's hidden form. */
export function renderSignOut(form: string): string {
  return page(
    'Sign out',
    `<h1>Sign out here as well?</h1>
<p>You have left the demo. This provider still knows you, and would sign you in again without asking.</p>
${form}
<button form="op.logoutForm" name="logout" value="yes" autofocus>Yes, sign me out</button>`,
  )
}

/** A page of another site that links into the demo, as a mail program would. */
export function renderLetter(gatewayOrigin: string): string {
  return page(
    'A message',
    `<h1>Your weekly report is ready</h1>
<p>This page is on another site than the demo, like a message in a mail program. The link goes to a page that only those signed in may see.</p>
<p><a href="${escapeHtml(gatewayOrigin)}/reports">Open the report</a></p>`,
  )
}

/** Says one sentence and leads back to the demo. */
export function renderTrouble(sentence: string, gatewayOrigin: string): string {
  return page('Demo provider', `<h1>${escapeHtml(sentence)}</h1>\n<p><a href="${escapeHtml(gatewayOrigin)}/">Back to the demo</a></p>`)
}

function page(title: string, main: string): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Demo provider</title>
<link rel="icon" href="data:,">
<style>${style}</style>
<main>
<p class="site">Demo identity provider</p>
${main}
</main>
</html>
`
}
