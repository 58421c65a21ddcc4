import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { listenAt, type Place, type Running } from './listening.ts'
import { callsScript } from './page/calls-script.ts'
import { clocksScript } from './page/clocks-script.ts'
import { renderHome, renderProtected } from './page/home.ts'
import { icon } from './page/layout.ts'
import { searchScript } from './page/search-script.ts'
import { style } from './page/style.ts'

export interface WebOptions {
  readonly place: Place
  /** The provider's origin, for the link that comes from another site. */
  readonly providerOrigin: string
}

interface Content {
  readonly type: string
  readonly body: string
}

/** The identity header that the gateway sets from the session, and drops when a browser sends it. */
export const nameHeader = 'X-Demo-Name'

const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const javascript = 'text/javascript; charset=utf-8'

const assets: Readonly<Record<string, Content>> = {
  '/assets/demo.css': { type: 'text/css; charset=utf-8', body: style },
  '/assets/demo.js': { type: javascript, body: callsScript },
  '/assets/clocks.js': { type: javascript, body: clocksScript },
  '/assets/search.js': { type: javascript, body: searchScript },
  '/assets/icon.svg': { type: 'image/svg+xml', body: icon },
}

/**
 * Starts the web app behind the gateway: the demo's pages and their files. It knows nothing of sign-in;
 * the person's name comes in a header.
 */
export async function startWeb(options: WebOptions): Promise<Running> {
  return listenAt(createServer(serve), options.place)

  function serve(req: IncomingMessage, res: ServerResponse): void {
    const path = req.url?.split('?')[0] ?? '/'
    const content = assets[path] ?? renderPage(path, readName(req))
    if (content === null) {
      res.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('There is nothing here.\n')
      return
    }
    res.writeHead(200, {
      'content-type': content.type,
      'content-security-policy': policy,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'cache-control': 'no-store',
    })
    res.end(req.method === 'HEAD' ? undefined : content.body)
  }

  function renderPage(path: string, person: string | null): Content | null {
    const type = 'text/html; charset=utf-8'
    if (path === '/') return { type, body: renderHome({ person, providerOrigin: options.providerOrigin }) }
    const text = protectedPages[path]
    return text === undefined ? null : { type, body: renderProtected({ person, ...text }) }
  }
}

const protectedPages: Readonly<Record<string, { readonly heading: string; readonly text: string }>> = {
  '/reports': {
    heading: 'The weekly report',
    text: 'Only those signed in see this page. If you came from another site you were not asked to sign in again, although the browser kept the cookie back at first.',
  },
  '/ops': {
    heading: 'The ops page',
    text: 'Only people in the group “ops” see this page. The gateway decided; this app looked at nothing.',
  },
}

/** The gateway percent-encodes what is not ASCII. */
function readName(req: IncomingMessage): string | null {
  const name = req.headers[nameHeader.toLowerCase()]
  if (typeof name !== 'string' || name === '') return null
  try {
    return decodeURIComponent(name)
  } catch {
    return name
  }
}
