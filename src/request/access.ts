import type { RouteRule, TokenDemand } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { SignedIn } from '../session/session.ts'
import { type Call, requireApproved } from './approved.ts'
import { quoted, stepUpRequired } from './step-up-challenge.ts'

/**
 * Decides whether a request may go on to a route's upstream. What the provider did not say is never
 * assumed: without `acr` a route that demands one is closed (NIST SP 800-63C-4 §2.5).
 *
 * A person who lacks a scope or claim is told so first: signing in again would not help.
 *
 * @param now epoch ms
 * @param call what is asked for: a native client may be held to more than the route's rules
 * @throws {GatewayError} `not_signed_in`, `insufficient_scope`, `claim_missing`, `step_up_required` with an
 *   RFC 9470 challenge
 */
export function decideAccess(route: RouteRule, signedIn: SignedIn | null, now: number, call: Call): void {
  if (route.access === 'anyone') return
  const { require } = route
  if (signedIn !== null && signedIn.record.kind !== 'browser') requireApproved(route, signedIn, call)
  if (signedIn === null) {
    if (route.access === 'optional' && !demandsAnything(require)) return
    throw new GatewayError('not_signed_in', 'the route needs a session')
  }
  if (require.scopes.length > 0 && !hasOwnScopes(route.token)) requireScopes(require.scopes, signedIn, '')
  for (const name in require.claims) requireClaim(name, require.claims[name] ?? [], signedIn)
  if (require.acr.length > 0 || require.maxAgeMs !== undefined) requireAssurance(require, signedIn, now)
}

/**
 * Whether a route's token has scopes of its own, which are looked at when it is there. On any other route what counts is
 * what the person was granted at the sign-in: where the gateway acts as itself, its own scopes say nothing of them.
 */
export function hasOwnScopes(token: RouteRule['token']): token is TokenDemand {
  return token !== null && (token.kind === 'audience' || token.kind === 'exchange')
}

type Demands = RouteRule['require']

function demandsAnything(require: Demands): boolean {
  return require.scopes.length > 0 || Object.keys(require.claims).length > 0 || require.acr.length > 0 || require.maxAgeMs !== undefined
}

/**
 * The scopes are those that the provider granted, which may be fewer than were asked for.
 *
 * @param slot of the token that goes to the upstream
 * @throws {GatewayError} `insufficient_scope`
 */
export function requireScopes(scopes: readonly string[], signedIn: SignedIn, slot: string): void {
  const granted = signedIn.vault.access[slot]?.scopes ?? []
  for (const scope of scopes) {
    if (granted.includes(scope)) continue
    throw new GatewayError('insufficient_scope', 'the access token lacks a scope of the route', {
      headers: { 'www-authenticate': `Bearer error="insufficient_scope", scope=${quoted(scopes.join(' '))}` },
    })
  }
}

function requireClaim(name: string, wanted: readonly string[], { record, vault }: SignedIn): void {
  let value: unknown = Object.hasOwn(vault.claims, name) ? vault.claims[name] : undefined
  if (name === 'sub') value = record.sub
  else if (name === 'provider') value = record.provider
  const held = Array.isArray(value) ? value : [value]
  if (held.some(one => isScalar(one) && wanted.includes(String(one)))) return
  throw new GatewayError('claim_missing', `the route needs another value of the claim ${name}`)
}

function requireAssurance({ acr, maxAgeMs }: Demands, { record }: SignedIn, now: number): void {
  const isStrong = acr.length === 0 || (record.acr !== null && acr.includes(record.acr))
  const isRecent = maxAgeMs === undefined || now - record.authTime <= maxAgeMs
  if (isStrong && isRecent) return
  const demanded = {
    ...(acr.length === 0 ? {} : { acrValues: acr.join(' ') }),
    ...(maxAgeMs === undefined ? {} : { maxAge: Math.floor(maxAgeMs / 1000) }),
  }
  throw stepUpRequired(demanded, isStrong ? { reason: 'signed_in_too_long_ago' } : { reason: 'acr_too_weak' })
}

function isScalar(value: unknown): value is string | number | boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}
