import request, { type Response } from 'supertest'
import type { IdentityProvider, SignInOptions } from './identity-provider.ts'
import type { CookieJar } from './idp-browser.ts'

export interface VisitOptions {
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE' | 'OPTIONS'
  /** What the browser says of who sent it here; default `same-origin`. */
  readonly site?: 'same-origin' | 'same-site' | 'cross-site' | 'none'
  /** More headers, or others; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>
  /** A form, when it is a string. */
  readonly body?: string
}

/**
 * A browser as far as our endpoints see one: it keeps their cookies, sends Fetch Metadata, leaves the Strict cookie
 * out when another site sent it, and the Lax ones when that was by a form, and follows nothing by itself.
 */
export interface Visitor {
  /** Name to value, the oldest first. */
  readonly jar: Map<string, string>
  /** Every Set-Cookie line that it got. */
  readonly setCookies: string[]
  visit(target: string, options?: VisitOptions): Promise<Response>
  /** As a script of the page would. */
  call(target: string, options?: VisitOptions): Promise<Response>
  /** GET /auth/session, as a script would. */
  session(): Promise<Response['body']>
  /** From /auth/login to the address of the callback, which is not visited. */
  begin(idp: Peer, options?: BeginOptions): Promise<URL>
  /** From the callback's address to the last answer: of /auth/continue, or of whatever refused. */
  finish(callback: URL): Promise<Response>
  signIn(idp: Peer, options?: BeginOptions): Promise<Response>
}

/** As much of a provider as a visitor needs. */
export type Peer = Pick<IdentityProvider, 'signIn'>

export interface BeginOptions extends SignInOptions {
  readonly returnTo?: string
  /** Of /auth/login, without `?`. */
  readonly query?: string
}

const navigation = { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-user': '?1', accept: 'text/html,*/*;q=0.8' }
const script = { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty', accept: '*/*' }

/** @param jar the cookies of another visitor: the same browser, at another replica */
export function createVisitor(gateway: { readonly port: number; readonly host: string }, jar = new Map<string, string>()): Visitor {
  const idpJar: CookieJar = new Map()
  const sameSite = new Map<string, string>()
  const setCookies: string[] = []

  async function send(target: string, base: Readonly<Record<string, string>>, options: VisitOptions): Promise<Response> {
    const { method = 'GET', site = 'same-origin', body } = options
    const left = site !== 'cross-site' ? [] : method === 'GET' ? ['Strict'] : ['Strict', 'Lax']
    const sent = [...jar].filter(([name]) => !left.includes(sameSite.get(name) ?? ''))
    const cookie = sent.length === 0 ? {} : { cookie: sent.map(([name, value]) => `${name}=${value}`).join('; ') }
    const headers = { host: gateway.host, ...base, 'sec-fetch-site': site, ...cookie, ...options.headers }
    const call = request(`http://127.0.0.1:${gateway.port}`)[method.toLowerCase() as 'get'](target).redirects(0)
    for (const [name, value] of Object.entries(headers)) if (value !== null) call.set(name, value)
    if (typeof body === 'string' && options.headers?.['content-type'] === undefined) call.type('form')
    const response = await (body === undefined ? call : call.send(body))
    for (const line of [response.headers['set-cookie'] ?? []].flat()) keep(line)
    return response
  }

  function keep(line: string): void {
    setCookies.push(line)
    const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
    if (/; (Max-Age=0|Expires=Thu, 01 Jan 1970)/i.test(line)) jar.delete(name)
    else jar.set(name, value)
    sameSite.set(name, /; SameSite=(\w+)/i.exec(line)?.[1] ?? '')
  }

  const visitor: Visitor = {
    jar,
    setCookies,
    visit: (target, options = {}) => send(target, navigation, options),
    call: (target, options = {}) => send(target, script, options),
    session: async () => (await visitor.call('/auth/session')).body,

    async begin(idp, { returnTo = '/', query = '', ...options } = {}) {
      const response = await visitor.visit(`/auth/login?return_to=${encodeURIComponent(returnTo)}&${query}`)
      if (response.status !== 302) throw new Error(`The sign-in does not begin: ${response.status} ${response.text}`)
      return idp.signIn(String(response.headers.location), { jar: idpJar, ...options })
    },

    async finish(callback) {
      const response = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
      const next = refreshOf(response)
      return response.status === 200 && next !== null ? visitor.visit(next) : response
    },

    signIn: async (idp, options) => visitor.finish(await visitor.begin(idp, options)),
  }
  return visitor
}

/** Where a page's meta refresh leads; null when it has none. */
export function refreshOf(response: Response): string | null {
  const found = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(response.text ?? '')?.[1]
  return found === undefined
    ? null
    : found.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&')
}
