import { html } from './html.ts'
import { texts } from './text.ts'

/**
 * What a provider frames while it signs somebody out. Nobody looks at it, so it has no looks of its own; and it says
 * the same whether or not somebody was signed out here.
 */
export function frontChannelPage(): string {
  return html`<!doctype html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<title>${texts.frontChannel.title}</title>
</head>
<body>
<p>${texts.frontChannel.advice}</p>
</body>
</html>
`.toString()
}
