import { checkScopes, checkToken } from './check-token.ts'
import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { isLoopback } from './hosts.ts'
import type { ConfigPath } from './mistakes.ts'
import { assertionKeysPath, createOwnPathTest } from './own-paths.ts'
import type { RouteOptions } from './schema-routes.ts'

/** Claims that are used up in checking a sign-in and never kept with a session. */
const lostClaims = ['iss', 'aud', 'azp', 'exp', 'iat', 'nbf', 'jti', 'nonce', 'at_hash', 'c_hash', 's_hash', 'sid']

/** Checks routes against each other, against the rest, and for rules that could never hold. */
export function checkRoutes(draft: Draft, report: Report): void {
  const { origins, paths, logout } = draft.sections
  const isOwnPath = paths === undefined ? () => false : createOwnPathTest(paths.base)
  const taken = new Map<string, number>()
  for (const [i, route] of draft.routes) {
    const path: ConfigPath = ['routes', i]
    checkAccess(route, path, report)
    checkHeaders(route, path, report)
    checkWebSocket(route, [...path, 'websocket'], report)
    for (const name of Object.keys(route.require?.claims ?? {})) checkSaidClaim(name, [...path, 'require', 'claims', name], report)
    checkDemandedScopes(route, path, draft, report)
    checkToken(route, path, draft, report)
    // What /auth/login takes, which is what a step-up asks of it.
    if ((route.require?.acr ?? []).join(' ').length > 512)
      report([...path, 'require', 'acr'], 'is together longer than the 512 characters that a sign-in can be asked for: leave some out')
    if (origins !== undefined) checkPlace(route, i, origins, taken, report)
    if (route.path === assertionKeysPath) {
      report([...path, 'path'], 'is where the gateway publishes its own keys: choose another path')
    } else if (route.path !== undefined && isOwnPath(route.path)) {
      report([...path, 'path'], 'is under paths.base, which the gateway keeps for its own endpoints: choose another path')
    }
  }
  draft.session.claims?.forEach((name, i) => {
    checkSaidClaim(name, ['session', 'claims', i], report)
  })
  if (logout?.landing !== undefined && isOwnPath(logout.landing.replace(/[?].*$/s, ''))) {
    report(['logout', 'landing'], "is one of the gateway's own endpoints: choose a page")
  }
}

/** A rule that nobody would see broken is worse than none: what `access` rules out may not be written. */
function checkAccess({ access, require, identityHeaders = {}, limits }: Partial<RouteOptions>, path: ConfigPath, report: Report): void {
  if (access === undefined) return
  if (access !== 'signed-in' && require !== undefined) {
    const { scopes, claims, acr, maxAge } = require
    const demands = { scopes: scopes.length > 0, claims: Object.keys(claims).length > 0, acr: acr.length > 0, maxAge: maxAge !== undefined }
    for (const [name, isDemanded] of Object.entries(demands)) {
      if (isDemanded) report([...path, 'require', name], `demands nothing with access: ${access}: use access: signed-in, or remove it`)
    }
  }
  if (access !== 'anyone') return
  for (const name of ['session', 'user'] as const) {
    if (typeof limits?.perMinute !== 'object' || limits.perMinute[name] === undefined) continue
    report(
      [...path, 'limits', 'perMinute', name],
      'counts nothing with access: anyone, which does not read the session: use address or route',
    )
  }
  if (Object.keys(identityHeaders).length > 0) {
    report([...path, 'identityHeaders'], 'are never set with access: anyone, which does not read the session: remove them')
  }
}

function checkHeaders(route: Partial<RouteOptions>, path: ConfigPath, report: Report): void {
  const seen = new Map<string, string>()
  for (const group of ['identityHeaders', 'setHeaders'] as const) {
    for (const name of Object.keys(route[group] ?? {})) {
      const other = seen.get(name.toLowerCase())
      if (other !== undefined) report([...path, group, name], `is the same header as ${other}: remove one of the two`)
      seen.set(name.toLowerCase(), `${group}.${name}`)
    }
  }
  for (const [name, claim] of Object.entries(route.identityHeaders ?? {})) checkClaim(claim, [...path, 'identityHeaders', name], report)
}

/** A rule that nobody would see broken is worse than none; and who listens in on a page of theirs could speak for it. */
function checkWebSocket({ websocket, access, methods }: Partial<RouteOptions>, path: ConfigPath, report: Report): void {
  if (websocket === undefined) return
  if (methods !== undefined && !methods.includes('GET'))
    report(path, 'lets nothing through: add GET to methods, by which a WebSocket begins')
  if (access === 'anyone' && websocket.activity === 'frames')
    report([...path, 'activity'], 'has no meaning with access: anyone, which does not read the session: remove it')
  websocket.origins.forEach((href, i) => {
    const { protocol, hostname } = new URL(href)
    if (protocol !== 'https:' && !isLoopback(hostname))
      report([...path, 'origins', i], 'must be https; http is only for this machine itself')
  })
}

/**
 * A claim that is neither standard nor mapped may still be in the provider's ID token, so it passes. Refused is
 * what no session ever has.
 */
function checkClaim(name: string, path: ConfigPath, report: Report): void {
  if (lostClaims.includes(name)) report(path, 'names a claim that is not kept with a session: use another, or remove it')
}

/** Where only what a provider says of a person can stand. */
function checkSaidClaim(name: string, path: ConfigPath, report: Report): void {
  checkClaim(name, path, report)
  if (name === 'client_id' || name === 'act')
    report(path, 'is no claim of a person: it says which program acts, and can only stand in identityHeaders')
}

/** Where a token has scopes of its own making, nobody can say beforehand which. */
function checkDemandedScopes({ require, token }: Partial<RouteOptions>, path: ConfigPath, draft: Draft, report: Report): void {
  if (typeof token === 'object' && token.exchange !== undefined) return
  checkScopes(require?.scopes ?? [], [...path, 'require', 'scopes'], draft, report)
}

function checkPlace(route: Partial<RouteOptions>, i: number, origins: readonly string[], taken: Map<string, number>, report: Report): void {
  route.origin?.forEach((origin, n) => {
    const path = ['routes', i, 'origin', n]
    if (!origins.includes(origin)) report(path, 'is not one of the origins: write it exactly as it stands there')
    else if (route.origin?.indexOf(origin) !== n) report(path, 'stands in the list twice: remove one of the two')
  })
  if (route.path === undefined) return
  for (const origin of new Set(route.origin ?? origins)) {
    const place = `${origin} ${route.path}`
    const other = taken.get(place)
    if (other !== undefined) {
      report(['routes', i, 'path'], `is also the path of routes[${other}] on the same origin: give each its own path, or remove one`)
      return
    }
    taken.set(place, i)
  }
}
