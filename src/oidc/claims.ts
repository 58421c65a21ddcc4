import type { ProviderConfig } from '../config/config.ts'

/** Claims as a provider's JSON held them: of any type, under any name. */
export type RawClaims = Readonly<Record<string, unknown>>

/** The claims there are, by where they come from. */
export interface ClaimSources {
  readonly id_token: RawClaims | null
  readonly userinfo: RawClaims | null
}

// Shown as the person's name and address, and what the e-mail rules look at.
const standardClaims = ['name', 'email']

const prototypeNames = ['__proto__', 'constructor', 'prototype']
// Deeper than any provider nests roles; what lies below is left out.
const deepest = 8

/**
 * Keeps of a provider's claims those that the program uses, under the names that it uses.
 *
 * A configured claim is taken from the first of its sources that has something at its path; `name`, `email`,
 * `email_verified` and those in `keep` from the ID token, else from UserInfo. `email_verified` always comes
 * from where the same `email` stands: it says nothing about another source's address.
 */
export function mapClaims(config: ProviderConfig, sources: ClaimSources, keep: readonly string[]): RawClaims {
  const claims = new Map<string, unknown>()
  for (const name of [...standardClaims, ...keep]) {
    put(claims, name, valueAt(sources.id_token, [name]) ?? valueAt(sources.userinfo, [name]))
  }
  for (const [name, { from, path }] of Object.entries(config.claims)) {
    claims.delete(name)
    put(
      claims,
      name,
      from.map(source => valueAt(sources[source], path)).find(value => value !== undefined && value !== null),
    )
  }
  const vouchers = config.claims.email_verified?.from ?? (['id_token', 'userinfo'] as const)
  const voucher = vouchers.find(source => isSame(valueAt(sources[source], ['email']), claims.get('email')))
  claims.delete('email_verified')
  if (voucher !== undefined) put(claims, 'email_verified', valueAt(sources[voucher], ['email_verified']))
  return Object.fromEntries(claims)
}

/**
 * Of the claims that the program uses, those which a provider has but keeps somewhere else, as Entra ID does with
 * the groups of a person who has many (OpenID Connect Core §5.6.2). Nobody goes there: the address is whatever a
 * token says, and our token would go along.
 */
export function claimsElsewhere(config: ProviderConfig, sources: ClaimSources, others: readonly string[]): readonly string[] {
  const wanted = new Set([...standardClaims, ...others, ...Object.values(config.claims).map(({ path }) => path[0] ?? '')])
  const isElsewhere = (name: string) =>
    [sources.id_token, sources.userinfo].some(
      source => valueAt(source, ['_claim_names', name]) !== undefined && valueAt(source, [name]) === undefined,
    )
  return [...wanted].filter(isElsewhere)
}

function isSame(found: unknown, email: unknown): boolean {
  return typeof found === 'string' && found === email
}

function put(claims: Map<string, unknown>, name: string, value: unknown): void {
  const plain = plainCopy(value, deepest)
  if (plain !== undefined && plain !== null) claims.set(name, plain)
}

/** What stands at the path, of members that the objects have themselves. */
function valueAt(source: RawClaims | null, path: readonly string[]): unknown {
  let value: unknown = source
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name)) return undefined
    value = (value as RawClaims)[name]
  }
  return value
}

/** A copy without the names that would reach into prototypes when somebody merges it (WEB-09). */
function plainCopy(value: unknown, depth: number): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (depth === 0) return undefined
  if (Array.isArray(value)) return value.map(item => plainCopy(item, depth - 1)).filter(item => item !== undefined)
  const members = Object.entries(value).filter(([name]) => !prototypeNames.includes(name))
  return Object.fromEntries(members.map(([name, member]) => [name, plainCopy(member, depth - 1)]))
}
