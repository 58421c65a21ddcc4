import { createHash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import helmet from 'helmet'

/** One year, which is the least that ASVS 3.4.1 takes. Only ever sent for https origins. */
const hstsSeconds = 31_536_000
export const strictTransportSecurity = `max-age=${hstsSeconds}; includeSubDomains`

export interface PageHeaderOptions {
  /** The text of the one stylesheet that our pages hold in a style element. */
  readonly stylesheet: string
  /** URL of the operator's logo, which is the one image our pages may load from elsewhere. */
  readonly logo?: string
  /** Whether the origin is https. */
  readonly isSecure: boolean
}

/**
 * The headers of our own pages, as name, value, …: nothing may run, nothing may frame them, forms go to us
 * alone, and no address leaves in a referrer. Computed once; the answers only copy them.
 */
export function createPageHeaders(options: PageHeaderOptions): readonly string[] {
  const logo = options.logo === undefined ? null : URL.parse(options.logo)
  const hash = createHash('sha256').update(options.stylesheet).digest('base64')
  return record(
    helmet({
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          defaultSrc: ["'none'"],
          styleSrc: [`'sha256-${hash}'`],
          imgSrc: logo === null ? ["'self'"] : ["'self'", logo.origin],
          formAction: ["'self'"],
          baseUri: ["'none'"],
          frameAncestors: ["'none'"],
        },
      },
      strictTransportSecurity: options.isSecure ? { maxAge: hstsSeconds, includeSubDomains: true } : false,
      referrerPolicy: { policy: 'no-referrer' },
      xFrameOptions: { action: 'deny' },
    }),
  )
}

/**
 * What differs from that on the one page that another origin may frame. `X-Frame-Options` must go besides: it knows
 * no origin but its own.
 */
export function framedPageHeaders(framedBy: string): Readonly<Record<string, string>> {
  const policy = { 'default-src': "'none'", 'form-action': "'none'", 'base-uri': "'none'", 'frame-ancestors': framedBy }
  const directives = Object.entries(policy).map(directive => directive.join(' '))
  // A page that isolates itself (COEP) frames only what lets every origin load it; there is nothing in ours to keep back.
  return { 'content-security-policy': directives.join(';'), 'cross-origin-resource-policy': 'cross-origin' }
}

/** The headers of every answer of ours that is no page. */
export function createAnswerHeaders(options: { readonly isSecure: boolean }): readonly string[] {
  const hsts = options.isSecure ? ['strict-transport-security', strictTransportSecurity] : []
  return ['x-content-type-options', 'nosniff', 'cross-origin-resource-policy', 'same-origin', 'referrer-policy', 'no-referrer', ...hsts]
}

/** Whether an HSTS value protects for at least as long and as far as ours. */
export function isStrongHsts(value: string): boolean {
  const maxAge = /(?:^|;)\s*max-age\s*=\s*"?(\d+)"?\s*(?:;|$)/i.exec(value)?.[1]
  return maxAge !== undefined && Number(maxAge) >= hstsSeconds && /(?:^|;)\s*includesubdomains\s*(?:;|$)/i.test(value)
}

/** Runs helmet once against something that only writes down what it sets. */
function record(middleware: ReturnType<typeof helmet>): readonly string[] {
  const headers: string[] = []
  const recorder = {
    setHeader: (name: string, value: string) => headers.push(name.toLowerCase(), value),
    removeHeader: () => {},
  }
  middleware({} as IncomingMessage, recorder as unknown as ServerResponse, error => {
    if (error !== undefined) throw error
  })
  return headers
}
