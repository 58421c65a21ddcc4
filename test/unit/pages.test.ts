import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes } from '../../src/errors.ts'
import { type AccountSession, accountPage } from '../../src/pages/account-page.ts'
import { agentApprovalPage } from '../../src/pages/agent-approval-page.ts'
import { agentFormPage } from '../../src/pages/agent-form-page.ts'
import { agentHandlePage } from '../../src/pages/agent-handle-page.ts'
import { approvalPage } from '../../src/pages/approval-page.ts'
import { chooserPage } from '../../src/pages/chooser-page.ts'
import { confirmLogoutPage } from '../../src/pages/confirm-logout-page.ts'
import { errorPage } from '../../src/pages/error-page.ts'
import { handOffPage } from '../../src/pages/hand-off-page.ts'
import { html } from '../../src/pages/html.ts'
import { signedOutPage } from '../../src/pages/signed-out-page.ts'
import { colours, styles } from '../../src/pages/styles.ts'

const brand = { name: 'Acme', logo: 'https://cdn.acme.test/logo.svg', support: 'help@acme.test' }
const hostile = `"><script>alert(1)</script><a href='javascript:x' onclick=y>&amp;`

const pages: Readonly<Record<string, (text: string) => string>> = {
  error: text =>
    errorPage({ brand: { name: text }, code: 'bad_request', title: text, requestId: text, loginPath: '/auth/login', homePath: '/' }),
  chooser: text => chooserPage({ brand: { name: text }, choices: [{ label: text, href: '/auth/login?provider=a' }] }),
  'hand-off': text => handOffPage({ brand: { name: text }, purpose: 'back', to: `/${text}` }),
  'confirm-logout': text => confirmLogoutPage({ brand: { name: text }, logoutPath: '/auth/logout', formToken: text }),
  account: text =>
    accountPage({
      brand: { name: text },
      person: text,
      sessions: [makeSession({ device: text, address: text, site: text, scopes: [text], endPath: text }), makeSession()],
      revokeOthersPath: text,
      newAgentHref: text,
      formToken: text,
    }),
  approval: text =>
    approvalPage({
      ...makeApproval(text),
      client: { name: text, id: text },
      resources: [text],
      destination: text,
      until: 0,
      matchingCode: text,
      device: { startedAt: 0, startedFrom: text },
    }),
  'agent-form': text =>
    agentFormPage({
      brand: { name: text },
      path: text,
      client: { name: text, id: text, scopes: [text, text] },
      fields: { name: text, scopes: [], routes: text, maxCalls: text, life: text },
      faults: ['name', 'scopes', 'routes', 'maxCalls', 'life'],
      lives: [900],
      providers: [{ id: text, label: text }],
    }),
  'agent-approval': text =>
    agentApprovalPage({
      ...makeApproval(text),
      client: { name: text, id: text },
      agent: { name: text, routes: [text], maxCalls: 1, lifeMs: 900_000 },
    }),
  'agent-handle': text =>
    agentHandlePage({
      brand: { name: text },
      agent: { name: text, routes: [text], maxCalls: null },
      handle: text,
      scopes: [text],
      until: 0,
      accountHref: text,
      revokeHref: text,
    }),
  'signed-out': text => signedOutPage({ brand: { name: text, support: text }, loginPath: '/auth/login' }),
}

function makeApproval(text: string) {
  const paths = { approvePath: text, otherAccountPath: text }
  return { brand: { name: text }, person: text, scopes: [text, text], isNoneChosen: true, formToken: text, ...paths }
}

describe('every page', () => {
  for (const [name, render] of Object.entries(pages)) {
    it(`${name}: says its language, has a title, one main landmark and one heading, and allows zoom`, () => {
      const page = render('Acme')

      assert.match(page, /^<!doctype html>\n<html lang="en">/)
      assert.match(page, /<title>[^<]+ · Acme<\/title>/)
      assert.equal(page.match(/<main>/g)?.length, 1)
      assert.equal(page.match(/<h1>[^<]+<\/h1>/g)?.length, 1)
      assert.match(page, /<meta name="viewport" content="width=device-width, initial-scale=1">/)
    })

    it(`${name}: WEB-02 holds no script, no inline style, and the one style sheet whose hash the policy names`, () => {
      const page = render('Acme')

      assert.doesNotMatch(page, /<script|\son\w+=|\sstyle=|javascript:/i)
      assert.deepEqual(page.match(/<style>.*?<\/style>/gs), [`<style>${styles}</style>`])
    })

    it(`${name}: A-026 escapes what it is given`, () => {
      const page = render(hostile)

      assert.ok(page.includes('&lt;script&gt;alert(1)&lt;/script&gt;'))
      assert.doesNotMatch(page, /<script|<a href='/)
      assert.deepEqual(
        [...page.matchAll(/<(\w+)/g)].map(match => match[1]).sort(),
        [...render('x').matchAll(/<(\w+)/g)].map(match => match[1]).sort(),
      )
    })

    it(`${name}: ends each tag that it opens`, () => {
      const open: string[] = []
      for (const [, slash, tag] of render('Acme').matchAll(/<(\/?)([a-z]\w*)/g)) {
        if (tag === undefined || ['meta', 'input', 'img'].includes(tag)) continue
        if (slash === '') open.push(tag)
        else assert.equal(open.pop(), tag)
      }

      assert.deepEqual(open, [])
    })
  }
})

describe('the error page', () => {
  it('has advice and a way on for every code', () => {
    for (const code of errorCodes) {
      const page = errorPage({ brand, code, title: 'Title', requestId: 'req-1', loginPath: '/auth/login', homePath: '/' })

      assert.match(page, new RegExp(`<dd>${code}</dd>`))
      assert.match(page, /<dd>req-1<\/dd>/)
      assert.match(page, /<p>[A-Z][^<]{10,}<\/p>/)
      assert.match(page, /<a href="\/">/)
      assert.match(page, /<a href="mailto:help@acme\.test">/)
    }
  })

  it('offers what helps: to sign in, with another account, or to try again', () => {
    const of = (code: (typeof errorCodes)[number]) =>
      errorPage({ brand, code, title: 'Title', requestId: 'r', loginPath: '/auth/login', homePath: '/', retryPath: '/app?a=1&b=2' })

    assert.match(of('attempt_unknown'), /href="\/auth\/login">/)
    assert.match(of('access_denied'), /href="\/auth\/login\?prompt=select_account">/)
    assert.match(of('upstream_timeout'), /href="\/app\?a=1&amp;b=2">/)
    assert.doesNotMatch(of('cross_site_refused'), /class="button"/)
  })

  it('shows a bug of ours without a code', () => {
    const page = errorPage({
      brand,
      code: null,
      title: 'Something went wrong',
      requestId: 'req-1',
      loginPath: '/auth/login',
      homePath: '/',
    })

    assert.match(page, /<dd>req-1<\/dd>/)
    assert.equal(page.match(/<dt>/g)?.length, 1)
  })
})

describe('the account page', () => {
  const show = (...sessions: readonly AccountSession[]) =>
    accountPage({ brand, person: null, sessions, revokeOthersPath: '/auth/sessions/revoke-others', newAgentHref: null, formToken: 'token' })

  it('says what each session is, when and from where it began, when it was used, and what it may do', () => {
    const page = show(makeSession({ site: 'admin.acme.test', scopes: ['orders.read', 'orders.write'] }))

    assert.match(page, /<h2><span id="name-1">Firefox on Linux<\/span><\/h2>/)
    assert.deepEqual(
      [...page.matchAll(/<dt>(.*?)<\/dt><dd>(.*?)<\/dd>/g)].map(([, term = '', text = '']) => [term, text.replace(/<[^>]+>/g, '')]),
      [
        ['Kind', 'Browser'],
        ['Site', 'admin.acme.test'],
        ['Signed in', '22 Nov 2026, 09:00 UTC from 192.0.2.7'],
        ['Last used', '22 Nov 2026, 23:59 UTC'],
        ['May do', 'orders.read, orders.write'],
      ],
    )
    assert.match(page, /<time datetime="2026-11-22T09:00:00.000Z">/)
  })

  it('says of an agent with a limit how many calls are left, and of no other anything', () => {
    const page = show(makeSession({ kind: 'agent', calls: { remaining: 12, max: 100 } }), makeSession({ kind: 'agent' }))

    assert.deepEqual(page.match(/<dt>Calls<\/dt><dd>.*?<\/dd>/g), ['<dt>Calls</dt><dd>12 of 100 left</dd>'])
  })

  it('does without what nobody knows', () => {
    const page = show(makeSession({ device: '', address: '' }))

    assert.match(page, />Unknown device</)
    assert.doesNotMatch(page, /<dt>Site| from <|You are signed in as/)
    assert.match(page, /<dd>Everything you may do here<\/dd>/)
  })

  it('marks the browser that looks at it, and no other', () => {
    const page = show(makeSession(), makeSession({ isCurrent: true }), makeSession())

    assert.deepEqual(
      page.match(/<h2>.*?<\/h2>/g)?.map(heading => heading.includes('This browser')),
      [false, true, false],
    )
  })

  it('has a form for each session, whose button is named after the session', () => {
    const page = show(makeSession({ endPath: '/auth/logout' }), makeSession({ endPath: '/auth/sessions/x/revoke' }))

    const forms = [...page.matchAll(/<form method="post" action="([^"]+)"><input type="hidden" name="form_token" value="token">/g)]
    assert.deepEqual(
      forms.map(([, action]) => action),
      ['/auth/logout', '/auth/sessions/x/revoke', '/auth/sessions/revoke-others'],
    )
    const names = [...page.matchAll(/<button [^>]*id="([^"]+)" aria-labelledby="([^"]+)"/g)]
    assert.equal(names.length, 2)
    for (const [, id, parts = ''] of names) {
      assert.equal(parts.split(' ')[0], id)
      for (const part of parts.split(' ')) assert.equal(page.split(`id="${part}"`).length, 2, part)
    }
  })

  it('offers to sign out elsewhere only where there is an elsewhere', () => {
    assert.doesNotMatch(show(makeSession()), /revoke-others/)
    assert.match(show(makeSession()), /You are signed in nowhere else/)
  })
})

describe('the hand-off page', () => {
  it('goes on by itself, and by a link for who has that switched off', () => {
    const page = handOffPage({ brand, purpose: 'sign_out', to: 'https://id.test/end?a=1&b=2' })

    assert.match(page, /<meta http-equiv="refresh" content="0;url=https:\/\/id\.test\/end\?a=1&amp;b=2">/)
    assert.match(page, /<a href="https:\/\/id\.test\/end\?a=1&amp;b=2">/)
  })

  it('FLOW-13 loads nothing, the logo neither', () => {
    const page = handOffPage({ brand, purpose: 'sign_in', to: '/auth/continue/x' })

    assert.doesNotMatch(page, /<img|<link|cdn\.acme\.test/)
  })
})

describe('the support line', () => {
  const shown = (support: string) => signedOutPage({ brand: { name: 'Acme', support }, loginPath: '/auth/login' })

  it('links addresses that it knows, and shows anything else as it is', () => {
    assert.match(shown('https://acme.test/help'), /<a href="https:\/\/acme\.test\/help">https:\/\/acme\.test\/help<\/a>/)
    assert.match(shown('mailto:help@acme.test'), /<a href="mailto:help@acme\.test">help@acme\.test<\/a>/)
    assert.match(shown('Room 12'), /Need help\? Room 12</)
    assert.doesNotMatch(shown('javascript:alert(1)'), /href="javascript/)
  })
})

describe('the style sheet', () => {
  const pairs = [
    ['ink', 'ground'],
    ['ink', 'card'],
    ['quiet', 'ground'],
    ['quiet', 'card'],
    ['act', 'card'],
    ['act', 'ground'],
    ['on-act', 'act'],
    ['focus', 'card'],
  ] as const

  for (const theme of ['light', 'dark'] as const) {
    it(`${theme}: keeps a contrast of 4.5 to 1 between text and what lies behind it (WCAG 1.4.3)`, () => {
      for (const [front, back] of pairs) {
        const ratio = contrast(colours[theme][front], colours[theme][back])

        assert.ok(ratio >= 4.5, `${front} on ${back}: ${ratio.toFixed(2)}`)
      }
    })
  }

  it('follows the system theme, shows the focus, and fetches nothing', () => {
    assert.match(styles, /prefers-color-scheme:dark/)
    assert.match(styles, /:focus-visible\{outline:3px/)
    assert.doesNotMatch(styles, /url\(|@import|<|outline:(0|none)/)
  })
})

describe('html', () => {
  it('escapes values and keeps its own markup, one by one and in lists', () => {
    const items = ['<a>', '&'].map(text => html`<li>${text}</li>`)

    assert.equal(html`<ul>${items}${null}</ul>${7}`.toString(), '<ul><li>&lt;a&gt;</li><li>&amp;</li></ul>7')
  })

  it('does not take an object that only looks like markup', () => {
    const disguised = { toString: () => '<script>' } as unknown as string

    assert.equal(html`${[disguised] as never}`.toString().includes('<script>'), false)
  })
})

/** Began at nine, was last used at the end of the day. */
function makeSession(changes: Partial<AccountSession> = {}): AccountSession {
  return {
    kind: 'browser',
    client: null,
    device: 'Firefox on Linux',
    address: '192.0.2.7',
    site: null,
    createdAt: Date.UTC(2026, 10, 22, 9),
    usedAt: Date.UTC(2026, 10, 22, 23, 59, 59),
    scopes: [],
    calls: null,
    isCurrent: false,
    endPath: '/auth/sessions/x/revoke',
    ...changes,
  }
}

function contrast(front: string, back: string): number {
  const [light, dark] = [luminance(front), luminance(back)].sort((a, b) => b - a) as [number, number]
  return (light + 0.05) / (dark + 0.05)
}

function luminance(colour: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}
