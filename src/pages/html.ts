/** Markup made by `html`, and by nothing else: the only thing that a template takes as it is. */
export type Html = InstanceType<typeof Markup>

type Value = string | number | Html | null | readonly Html[]

class Markup {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  toString(): string {
    return this.#text
  }
}

/**
 * Makes markup from a template. Whatever is put in is escaped for element content and for attribute values in
 * double quotes, unless it is markup from this function; null puts in nothing.
 *
 * Attributes must stand in double quotes in the template. What goes into `href` must be a URL whose scheme the
 * caller knows: escaping does not make `javascript:` harmless.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Value[]): Html {
  let text = parts[0] ?? ''
  values.forEach((value, index) => {
    text += render(value) + (parts[index + 1] ?? '')
  })
  return new Markup(text)
}

/** Writes a style sheet as it is. Its text is ours, and its hash stands in the Content-Security-Policy. */
export function styleElement(styles: string): Html {
  return new Markup(`<style>${styles}</style>`)
}

/** Writes a script as it is. Likewise: its text is ours, and its hash stands in the policy of the page. */
export function scriptElement(script: string): Html {
  return new Markup(`<script>${script}</script>`)
}

function render(value: Value): string {
  if (value === null) return ''
  if (value instanceof Markup) return value.toString()
  if (Array.isArray(value)) return value.map(render).join('')
  return escapeHtml(String(value))
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => entities[character] ?? character)
}
