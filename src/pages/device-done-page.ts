import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface DeviceDonePageInput {
  readonly brand: Brand
  readonly outcome: keyof typeof texts.deviceDone
}

/** The end of a sign-in for a device: it goes on there. */
export function deviceDonePage({ brand, outcome }: DeviceDonePageInput): string {
  const { title, advice } = texts.deviceDone[outcome]
  return renderPage(brand, { title, content: html`<p>${advice}</p>` })
}
