import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface HandOffPageInput {
  readonly brand: Brand
  readonly purpose: keyof typeof texts.handOff
  /** A path of ours, or an https URL of the provider. */
  readonly to: string
}

/**
 * Sends the browser on as our own page would, not as a redirect does: the next request is then same-site, carries
 * the Strict cookie, and is not held to the `form-action` of the page that posted a form.
 */
export function handOffPage(input: HandOffPageInput): string {
  const { title, advice, link } = texts.handOff[input.purpose]
  return renderPage(input.brand, {
    title,
    content: html`<p>${advice}</p>
<p><a href="${input.to}">${link}</a></p>`,
    refreshTo: input.to,
  })
}
