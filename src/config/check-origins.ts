import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { isLoopback } from './hosts.ts'

/** Checks what origins, the listener, the cookie and csrf.allowedOrigins say of each other. */
export function checkOrigins({ sections, session }: Draft, report: Report): void {
  const origins = (sections.origins ?? []).map(href => new URL(href))
  checkSchemes(origins, report)
  checkHostnames(origins, report)
  if (sections.origins !== undefined && session.cookie?.insecure === false) {
    origins.forEach((origin, i) => {
      if (origin.protocol === 'http:' && isLoopback(origin.hostname)) {
        report(['origins', i], 'is http, where browsers keep no Secure cookie: use https, or set session.cookie.insecure: true')
      }
    })
  }
  if (session.cookie?.insecure === true) checkInsecure(origins, sections.listen?.host, report)
  if (sections.origins !== undefined) checkAllowedOrigins(origins, sections.csrf?.allowedOrigins ?? [], report)
}

function checkSchemes(origins: readonly URL[], report: Report): void {
  origins.forEach((origin, i) => {
    if (origin.protocol === 'http:' && !isLoopback(origin.hostname)) {
      report(['origins', i], 'must be https; http is only for this machine itself (localhost, 127.0.0.1, [::1])')
    }
  })
}

/** Cookies are kept by host name and know no ports (RFC 6265 §8.5): one origin would read and replace the other's. */
function checkHostnames(origins: readonly URL[], report: Report): void {
  origins.forEach((origin, i) => {
    const first = origins.findIndex(other => other.hostname === origin.hostname)
    if (first < i)
      report(['origins', i], `has the same host name as origins[${first}], so they would share cookies: give it another host name`)
  })
}

/** CKE-16: without Secure and the prefix only where nobody else can listen. */
function checkInsecure(origins: readonly URL[], host: string | undefined, report: Report): void {
  if (origins.some(origin => origin.protocol === 'https:')) {
    report(['session', 'cookie', 'insecure'], 'cannot be true with an https origin: remove it')
  }
  if (host !== undefined && !isLoopback(host)) {
    report(['listen', 'host'], 'must be a loopback address (127.0.0.1) while session.cookie.insecure is true')
  }
}

/**
 * Same-site is a matter of the public suffix list, which we do not carry. What is surely another site is refused;
 * two customers of one public suffix (`a.co.uk`, `b.co.uk`) pass here and are for the operator to tell apart.
 */
function checkAllowedOrigins(origins: readonly URL[], allowed: readonly string[], report: Report): void {
  allowed.forEach((href, i) => {
    const path = ['csrf', 'allowedOrigins', i]
    const { protocol, hostname } = new URL(href)
    if (origins.some(origin => origin.origin === href)) report(path, 'is one of the origins and needs no permission: remove it')
    else if (protocol !== 'https:') report(path, 'must be https')
    else if (!origins.some(origin => mayBeSameSite(origin.hostname, hostname))) {
      report(path, 'is another site than every origin: only the same host, a host above or below it, or a sibling can be allowed')
    }
  })
}

function mayBeSameSite(own: string, other: string): boolean {
  if (own === other) return true
  if (!own.includes('.') || !other.includes('.') || /^[\d.]+$|^\[/.test(own) || /^[\d.]+$|^\[/.test(other)) return false
  if (own.endsWith(`.${other}`) || other.endsWith(`.${own}`)) return true
  const parent = own.slice(own.indexOf('.') + 1)
  return parent.includes('.') && parent === other.slice(other.indexOf('.') + 1)
}
