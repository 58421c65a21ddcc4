import { escapeHtml } from '../escape-html.ts'
import { hiddenUnless, layout } from './layout.ts'

/** The page of `/`: the whole demo on one screen. Without a script it still signs in, follows links and signs out. */
export function renderHome(view: { readonly person: string | null; readonly providerOrigin: string }): string {
  const isSignedIn = view.person !== null
  const main = `
<div class="lead">
<h1>No token in this browser</h1>
<p>This page calls an API that demands a signed token, and never holds one. The gateway does.</p>
<ol class="path" aria-label="What each side holds">
<li><b>Your browser</b><span>an HttpOnly cookie with a random credential</span></li>
<li class="gate"><b>Sallyport</b><span>the tokens, sealed; only your cookie opens them</span></li>
<li><b>Orders API</b><span>takes nothing but a signed, unexpired JWT</span></li>
</ol>
</div>

<p class="card wide" data-when="signed-out"${hiddenUnless(!isSignedIn)}>
<a class="button" href="/auth/login?return_to=/">Sign in</a>
<span>as <b>alice</b> or <b>bob</b>. The terminal that runs the demo shows their passwords.</span>
</p>
<noscript><p class="card wide">Without JavaScript you can sign in, open the pages under “Try this”, and sign out. The clocks, the API calls and the search need it.</p></noscript>

<div class="grid">
<section class="card needs-script" aria-labelledby="clocks">
<h2 id="clocks">Your session</h2>
<p id="session-note">Sign in to see its clocks.</p>
<div id="session-clocks" hidden>
${clock('access', 'Access token', 'renewed by the gateway when a call needs it')}
${clock('idle', 'Idle limit', 'starts again when you use an API or a page')}
${clock('absolute', 'Absolute limit', 'never moves: then you sign in again')}
<p id="renewals" class="note" role="status"></p>
</div>
</section>

<section class="card needs-script" aria-labelledby="calls">
<h2 id="calls">Call the API</h2>
<div class="buttons">
<button data-call="GET /api/orders">List orders</button>
<button data-call="POST /api/orders">Add an order</button>
<button data-call="GET /api/ops">Totals (ops)</button>
</div>
<label class="check"><input type="checkbox" id="repeat"> List every 5 seconds and watch the renewal</label>
<div id="answer" role="status"><p class="note">The answer appears here.</p></div>
</section>

<section class="card needs-script" aria-labelledby="search">
<h2 id="search">Look for a token</h2>
<p>An injected script could read this much, and no more.</p>
<div class="buttons"><button id="look">Search everything</button></div>
<div id="found" role="status"></div>
</section>

<section class="card last" aria-labelledby="try">
<h2 id="try">Try this</h2>
<ul class="links">
<li><a href="${escapeHtml(view.providerOrigin)}/letter">Come from another site</a> by a link: you need not sign in twice.</li>
<li><a href="/reports">Open the protected page</a> while signed out: sign in, and arrive there.</li>
<li><a href="/ops">Open the ops page</a>: Alice may, Bob is told that he lacks a group.</li>
<li>Sign out, press Back, reload: nobody is there any more.</li>
</ul>
</section>
</div>`
  return layout({ title: 'No token in this browser', person: view.person, main, hasScript: true })
}

function clock(id: string, name: string, meaning: string): string {
  return `<div class="clock">
<span id="${id}-name" class="name">${name}</span><span id="${id}-left" class="left" role="timer" aria-labelledby="${id}-name ${id}-left">–</span>
<progress id="${id}-bar" max="1" value="0" aria-labelledby="${id}-name"></progress>
<span class="note">${meaning}</span>
</div>`
}

/** A page behind sign-in, for deep links. */
export function renderProtected(view: { readonly person: string | null; readonly heading: string; readonly text: string }): string {
  const main = `
<div class="lead narrow">
<h1>${escapeHtml(view.heading)}</h1>
<p>${escapeHtml(view.text)}</p>
<p><a href="/">Back to the demo</a></p>
</div>`
  return layout({ title: view.heading, person: view.person, main, hasScript: false })
}
