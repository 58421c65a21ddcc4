import { checkClientCertificate } from './check-client-certificate.ts'
import type { Evidence, Report } from './checks.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath } from './mistakes.ts'
import type { RouteOptions } from './schema-routes.ts'

/** Checks where routes lead: not back to us, with TLS where TLS is spoken, and to files only what files can have. */
export function checkUpstreams({ sections, routes, isUnreadable }: Draft, { now }: Evidence, report: Report): void {
  for (const [i, route] of routes) {
    const { upstream } = route
    const path: ConfigPath = ['routes', i]
    if (upstream === undefined) continue
    if (upstream.static !== undefined) checkFileRoute(route, path, report)
    const { url = [], tls } = upstream
    const at = [...path, 'upstream']
    if (url.some(address => sections.origins?.includes(address)))
      report(at, 'is one of our own origins, so requests would go round in circles')
    if (tls === undefined || isUnreadable([...at, 'tls'])) continue
    // Half of the traffic in clear would be a surprise; and TLS that nobody speaks would be one too.
    if (!url.every(address => address.startsWith('https:'))) report([...at, 'tls'], 'needs https in every address of url')
    checkClientCertificate(tls, [...at, 'tls'], now, report)
  }
}

/** A rule that nobody would see broken is worse than none: files get no requests, and can only be looked at. */
function checkFileRoute(route: Partial<RouteOptions>, path: ConfigPath, report: Report): void {
  const { token, assertion, methods = [], identityHeaders = {}, setHeaders = {}, preserveHost, encodedSlash, websocket } = route
  const meaningless = {
    token: token !== undefined && token !== 'none',
    assertion: assertion !== undefined,
    identityHeaders: Object.keys(identityHeaders).length > 0,
    setHeaders: Object.keys(setHeaders).length > 0,
    preserveHost: preserveHost === true,
    encodedSlash: encodedSlash === 'pass',
    websocket: websocket !== undefined,
  }
  for (const [name, isWritten] of Object.entries(meaningless)) {
    if (isWritten) report([...path, name], 'has no meaning with files, which no request is sent to: remove it')
  }
  methods.forEach((method, i) => {
    if (method !== 'GET' && method !== 'HEAD')
      report([...path, 'methods', i], 'has no meaning with files, which take GET and HEAD: remove it')
  })
}
