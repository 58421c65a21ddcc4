import { type Html, html } from './html.ts'
import { type Brand, renderPage } from './layout.ts'
import { texts } from './text.ts'
import { time } from './time.ts'

/** One session, as the person it belongs to sees it. Instants are epoch milliseconds. */
export interface AccountSession {
  readonly kind: keyof typeof texts.account.kinds
  /** The program that it was given to; null for a browser. */
  readonly client: string | null
  /** The browser that it began in. Empty when nobody can say. */
  readonly device: string
  /** Empty when it is not known. */
  readonly address: string
  /** The host that it belongs to; null where there is one only. */
  readonly site: string | null
  readonly createdAt: number
  readonly usedAt: number
  /** What was granted, without what a sign-in needs for itself. */
  readonly scopes: readonly string[]
  /** What an agent may still call, of how many; null where that is not limited. */
  readonly calls: { readonly remaining: number; readonly max: number } | null
  readonly isCurrent: boolean
  /** Where a form goes that ends it. */
  readonly endPath: string
}

export interface AccountPageInput {
  readonly brand: Brand
  /** Who is signed in, by a name; null when none is known. */
  readonly person: string | null
  /** In the order in which they are to stand. */
  readonly sessions: readonly AccountSession[]
  readonly revokeOthersPath: string
  /** Where an agent session can be made, an absolute URL; null where none can. */
  readonly newAgentHref: string | null
  /** Proves the forms to be ours where a browser sends `Origin: null` and nothing else. */
  readonly formToken: string
}

const { account: words } = texts

/** Shows where a person is signed in, and lets them end what they do not know. */
export function accountPage(input: AccountPageInput): string {
  const { person, sessions, formToken } = input
  const token = html`<input type="hidden" name="form_token" value="${formToken}">`
  return renderPage(input.brand, {
    title: words.title,
    content: html`<p>${person === null ? null : html`${words.signedInAs} <strong>${person}</strong>. `}${words.advice}</p>
<ul class="sessions" role="list">${sessions.map((session, at) => sessionItem(session, at + 1, token))}
</ul>
${sessions.length > 1 ? others(input.revokeOthersPath, token) : html`<p>${words.nowhereElse}</p>`}
${input.newAgentHref === null ? null : html`<p><a href="${input.newAgentHref}">${words.newAgent}</a></p>\n`}<p><a href="/">${texts.toHome}</a></p>`,
  })
}

/** @param number tells its parts from those of the others */
function sessionItem(session: AccountSession, number: number, token: Html): Html {
  const [name, since, end] = ['name', 'since', 'end'].map(part => `${part}-${number}`) as [string, string, string]
  return html`
<li>
<h2><span id="${name}">${session.client ?? (session.device === '' ? words.unknownDevice : session.device)}</span>${session.isCurrent ? html` <span class="mark">${words.current}</span>` : null}</h2>
<dl>
<dt>${words.kind}</dt><dd>${words.kinds[session.kind]}</dd>
${session.client === null || session.device === '' ? null : html`<dt>${words.approvedIn}</dt><dd>${session.device}</dd>\n`}${session.site === null ? null : html`<dt>${words.site}</dt><dd>${session.site}</dd>\n`}<dt>${words.signedIn}</dt><dd><span id="${since}">${time(session.createdAt)}</span>${session.address === '' ? null : html` ${words.from} ${session.address}`}</dd>
<dt>${words.lastUsed}</dt><dd>${time(session.usedAt)}</dd>
<dt>${words.mayDo}</dt><dd>${mayDo(session)}</dd>
${session.calls === null ? null : html`<dt>${words.calls}</dt><dd>${session.calls.remaining} ${words.of} ${session.calls.max} ${words.left}</dd>\n`}</dl>
<form method="post" action="${session.endPath}">${token}<button class="button plain" type="submit" id="${end}" aria-labelledby="${end} ${name} ${since}">${words.signOut}</button></form>
</li>`
}

function mayDo({ kind, scopes }: AccountSession): string {
  if (scopes.length > 0) return scopes.join(', ')
  return kind === 'browser' ? words.everything : words.nothing
}

function others(path: string, token: Html): Html {
  return html`<form method="post" action="${path}">${token}<button class="button" type="submit">${words.signOutOthers}</button></form>`
}
