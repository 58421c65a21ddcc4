import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { defaultListenHost, isLoopback, overlap } from './hosts.ts'
import type { ConfigPath } from './mistakes.ts'
import { type RouteOptions, route as routeSchema } from './schema-routes.ts'

/** Checks that the forward-auth port is nobody else's and has somebody to answer, and the routes that only it serves. */
export function checkForwardAuth(draft: Draft, report: Report): void {
  const { forwardAuth, sections } = draft
  const shape = routeSchema().shape
  const byDefault = { limits: shape.limits.parse(undefined), timeouts: shape.timeouts.parse(undefined) }
  for (const [i, options] of draft.routes) checkUpstream(options, ['routes', i], byDefault, draft, report)
  if (forwardAuth === null) return

  checkPort(draft, report)
  const { host } = forwardAuth
  if (host !== undefined && !isLoopback(host) && sections.listen?.trustedProxies.length === 0) {
    report(
      ['forwardAuth', 'host'],
      'is not loopback, and no address may ask there: name the proxies in listen.trustedProxies, or listen on 127.0.0.1',
    )
  }
}

function checkPort({ forwardAuth, admin, sections, session }: Draft, report: Report): void {
  const { host, port } = forwardAuth ?? {}
  if (host === undefined || port === undefined || port === 0) return
  const publicHost = sections.listen?.host ?? defaultListenHost(session.cookie)
  if (port === sections.listen?.port && overlap(host, publicHost)) {
    report(
      ['forwardAuth', 'port'],
      'is also listen.port on the same address: what answers there hands out tokens and needs a port of its own',
    )
  }
  if (port === admin.port && admin.host !== undefined && overlap(host, admin.host)) {
    report(['forwardAuth', 'port'], 'is also admin.port on the same address: give each its own')
  }
}

/** What the gateway does on the way to an upstream means nothing where the proxy goes that way by itself. */
function checkUpstream(
  options: Partial<RouteOptions>,
  path: ConfigPath,
  byDefault: Pick<RouteOptions, 'limits' | 'timeouts'>,
  { forwardAuth, isUnreadable }: Draft,
  report: Report,
): void {
  // An entry that is no map at all has no members, not even those with a default.
  if (options.upstream !== undefined || isUnreadable([...path, 'upstream']) || Object.keys(options).length === 0) return
  if (forwardAuth === null) {
    report([...path, 'upstream'], 'is missing: add it. A route can do without only where forwardAuth is configured and a proxy serves it')
    return
  }
  const { preserveHost, stripPrefix, setHeaders = {}, timeouts, limits, websocket } = options
  const idle = {
    preserveHost: preserveHost === true,
    stripPrefix: stripPrefix === true,
    setHeaders: Object.keys(setHeaders).length > 0,
    timeouts: differs(timeouts, byDefault.timeouts),
    'limits.body': differs({ body: limits?.body ?? byDefault.limits.body }, { body: byDefault.limits.body }),
    websocket: websocket !== undefined,
  }
  for (const [name, isWritten] of Object.entries(idle)) {
    if (isWritten)
      report(
        [...path, ...name.split('.')],
        'does nothing on a route without upstream, which the proxy serves: set it there, and remove it here',
      )
  }
}

function differs(written: object | undefined, byDefault: object): boolean {
  return written !== undefined && JSON.stringify(written) !== JSON.stringify(byDefault)
}
