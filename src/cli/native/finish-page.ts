import { createHash } from 'node:crypto'
import { html } from '../../pages/html.ts'
import { renderPage } from '../../pages/layout.ts'
import { styles } from '../../pages/styles.ts'

/** How a sign-in ended, as far as the browser is told. */
export type Ending = 'signed_in' | 'denied' | 'failed'

const words: Readonly<Record<Ending, readonly [title: string, text: string]>> = {
  signed_in: ['You are signed in', 'You can close this window and go back to your terminal.'],
  denied: ['You are not signed in', 'The sign-in was denied. You can close this window; your terminal says more.'],
  failed: ['You are not signed in', 'Something went wrong. You can close this window; your terminal says what to do.'],
}

/** The last page of a sign-in, shown by this program itself: no script, nothing loaded, and nothing of the answer. */
export function finishPage(gateway: string, ending: Ending): string {
  const [title, text] = words[ending]
  return renderPage({ name: 'Sallyport' }, { title, content: html`<p>${text}</p>\n<dl><dt>Gateway</dt><dd>${gateway}</dd></dl>` })
}

/** Sent with every answer of the loopback listener. No cookie: cookies of 127.0.0.1 are shared by all ports. */
export const finishHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(styles).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
  connection: 'close',
} as const
