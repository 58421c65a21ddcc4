import { html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'

export interface DevicePageInput {
  readonly brand: Brand
  readonly path: string
  /** What stands in the field at first. */
  readonly userCode: string
  /** Whether the code that was sent last is none. */
  readonly isWrong: boolean
  /** To choose from; none where there is no choice. */
  readonly providers: readonly { readonly id: string; readonly label: string }[]
}

const { device: words } = texts

/** Asks for the code that a device shows. */
export function devicePage({ brand, path, userCode, isWrong, providers }: DevicePageInput): string {
  const buttons =
    providers.length === 0
      ? html`<button class="button" type="submit">${words.next}</button>`
      : html`${providers.map(({ id, label }) => html`<button class="button" type="submit" name="provider" value="${id}">${label}</button>\n`)}`
  return renderPage(brand, {
    title: words.title,
    content: html`<p>${words.advice}</p>
<form method="post" action="${path}">
<p><label for="user_code">${words.label}</label></p>
${isWrong ? html`<p id="wrong" role="alert">${words.wrong}</p>\n` : null}<p><input class="code" id="user_code" name="user_code" value="${userCode}" required maxlength="20" autocomplete="off" autocapitalize="characters" spellcheck="false"${isWrong ? html` aria-invalid="true" aria-describedby="wrong"` : null}></p>
${buttons}
</form>`,
  })
}
