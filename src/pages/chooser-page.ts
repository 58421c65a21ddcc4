import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface ChooserPageInput {
  readonly brand: Brand
  /** What is to be chosen; at which provider to sign in where it is left out. */
  readonly title?: string
  /** In the order of the configuration; `href` goes on with the sign-in at that provider. */
  readonly choices: readonly { readonly label: string; readonly href: string }[]
}

/** Asks which of several it is to be: at which provider to sign in, most often. */
export function chooserPage(input: ChooserPageInput): string {
  const choices = input.choices.map(choice => html`<li><a class="button wide" href="${choice.href}">${choice.label}</a></li>`)
  return renderPage(input.brand, { title: input.title ?? texts.chooser.title, content: html`<ul>${choices}</ul>` })
}
