import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { RequestHead } from './request-head.ts'

/**
 * Whether a person opened this address and will see the answer: a top-level GET navigation.
 *
 * Browsers say so in Sec-Fetch-Mode and Sec-Fetch-Dest, which no script can set. Without any Sec-Fetch
 * header (old browsers, WebViews, command lines) it is a GET that asks for HTML first.
 */
export function isNavigation(req: RequestHead): boolean {
  return req.method === 'GET' && opensPage(req.headers)
}

/** The same of a form: a page submitted it, be it by itself, and the person will see the answer. */
export function isFormNavigation(req: IncomingMessage): boolean {
  return req.method === 'POST' && opensPage(req.headers)
}

function opensPage(headers: IncomingHttpHeaders): boolean {
  if (hasFetchMetadata(headers)) return headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return headers['x-requested-with'] === undefined && (headers.accept ?? '').toLowerCase().startsWith('text/html')
}

/**
 * Whether the browser only fetches ahead: nobody asked for this yet, so nothing may begin because of it.
 */
export function isPrefetch(req: IncomingMessage): boolean {
  const { headers } = req
  return saysPrefetch(headers['sec-purpose']) || saysPrefetch(headers.purpose) || saysPrefetch(headers['x-moz'])
}

/** Whether the client sends Fetch Metadata at all. */
export function hasFetchMetadata(headers: IncomingHttpHeaders): boolean {
  return headers['sec-fetch-site'] !== undefined || headers['sec-fetch-mode'] !== undefined || headers['sec-fetch-dest'] !== undefined
}

/** `prefetch`, or with parameters: `prefetch;prerender`, `prefetch;anonymous-client-ip`. */
function saysPrefetch(value: string | string[] | undefined): boolean {
  return typeof value === 'string' && value.toLowerCase().startsWith('prefetch')
}
