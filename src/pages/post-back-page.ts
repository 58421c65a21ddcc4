import { html, scriptElement } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

/** The only script on any page of ours: without it the person presses the button. Its hash stands in the page's policy. */
export const postBackScript = 'document.forms[0].submit()'

export interface PostBackPageInput {
  readonly brand: Brand
  readonly purpose: 'returned' | 'denied' | 'failed'
  /** The redirect URI of a native client. */
  readonly to: string
  readonly params: Readonly<Record<string, string>>
}

/** Hands a native client its answer by a form, so that nothing of it stands in any address (OAuth 2.0 Form Post Response Mode). */
export function postBackPage({ brand, purpose, to, params }: PostBackPageInput): string {
  const { title, advice, link } = texts.handOff[purpose]
  const fields = Object.entries(params).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`)
  return renderPage(brand, {
    title,
    content: html`<p>${advice}</p>
<form method="post" action="${to}">
${fields}<button class="button" type="submit">${link}</button>
</form>
${scriptElement(postBackScript)}`,
  })
}
