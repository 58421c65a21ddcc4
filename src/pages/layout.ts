import { type Html, html, styleElement } from './html.ts'
import { styles } from './styles.ts'
import { texts } from './text.ts'

/** How the operator's own name, logo and support address appear: `pages` of the configuration. */
export interface Brand {
  readonly name: string
  readonly logo?: string
  /** A URL, an e-mail address, or a few words such as a telephone number. */
  readonly support?: string
}

export interface Page {
  readonly title: string
  /** What follows the heading. */
  readonly content: Html
  /** Where the browser goes by itself, at once. Such a page is seen for a moment only, and loads nothing at all. */
  readonly refreshTo?: string
}

/** The one template of all pages: a whole HTML document, which needs no script and holds none. */
export function renderPage(brand: Brand, page: Page): string {
  const isPassing = page.refreshTo !== undefined
  return html`<!doctype html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
${page.refreshTo === undefined ? null : html`<meta http-equiv="refresh" content="0;url=${page.refreshTo}">\n`}<title>${page.title} · ${brand.name}</title>
${styleElement(styles)}
</head>
<body>
<header>${isPassing || brand.logo === undefined ? null : html`<img src="${brand.logo}" alt="">`}${brand.name}</header>
<main>
<h1>${page.title}</h1>
${page.content}
</main>
${isPassing || brand.support === undefined ? null : html`<footer>${texts.support} ${supportLink(brand.support)}</footer>\n`}</body>
</html>
`.toString()
}

function supportLink(support: string): Html {
  if (/^(https?:\/\/|mailto:|tel:)/i.test(support)) return html`<a href="${support}">${support.replace(/^(mailto|tel):/i, '')}</a>`
  if (/^[^\s@]+@[^\s@]+$/.test(support)) return html`<a href="mailto:${support}">${support}</a>`
  return html`${support}`
}
