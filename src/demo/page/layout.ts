import { escapeHtml } from '../escape-html.ts'

/** One page of the demo. `main` is HTML; `title` is text. */
export function layout(page: {
  readonly title: string
  readonly person: string | null
  readonly main: string
  readonly hasScript: boolean
}): string {
  const { title, person, main, hasScript } = page
  const isSignedIn = person !== null
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)} · Sallyport demo</title>
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/demo.css">
${hasScript ? '<script src="/assets/demo.js" type="module"></script>' : ''}
<header>
<a class="brand" href="/"><img src="/assets/icon.svg" alt="" width="28" height="28">Sallyport <span>demo</span></a>
<div class="who">
<span data-when="signed-in"${hiddenUnless(isSignedIn)}>Signed in as <strong id="person">${escapeHtml(person ?? '')}</strong></span>
<form data-when="signed-in" method="post" action="/auth/logout"${hiddenUnless(isSignedIn)}><button class="quiet">Sign out</button></form>
<a data-when="signed-out" class="button" href="/auth/login?return_to=/"${hiddenUnless(!isSignedIn)}>Sign in</a>
</div>
</header>
<main>
${main}
</main>
</html>
`
}

/** The attribute that hides an element, or nothing. */
export function hiddenUnless(isShown: boolean): string {
  return isShown ? '' : ' hidden'
}

/** A portcullis. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="#5b7cc4" d="M3 30V14a13 13 0 0 1 26 0v16h-5V14a8 8 0 0 0-16 0v16z"/><path stroke="#5b7cc4" stroke-width="2.4" fill="none" d="M12 9v17M16 7v21M20 9v17M8 14h16M8 20h16"/></svg>`
