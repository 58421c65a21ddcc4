import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface DonePageInput {
  readonly brand: Brand
  readonly outcome: keyof typeof texts.done
}

/** The end of a sign-in that goes on elsewhere, on the device that waits for it, or nowhere. */
export function donePage({ brand, outcome }: DonePageInput): string {
  const { title, advice } = texts.done[outcome]
  return renderPage(brand, { title, content: html`<p>${advice}</p>` })
}
