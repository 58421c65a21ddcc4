import type { AllowRules } from '../config/config.ts'

/** Which rule keeps a person out. */
export type AllowRefusal = 'email_missing' | 'email_unverified' | 'email_not_listed' | 'claim_not_listed'

/**
 * Judges whether a person may sign in, by the claims the provider vouches for.
 *
 * Every kind of rule that is present must be met; within one kind any value is enough. A domain lets in its
 * own addresses and not those of its subdomains.
 *
 * @param claims as mapped; rules on claims look at texts and lists of texts
 * @returns null when they may
 */
export function findRefusal(rules: 'everyone' | AllowRules, claims: Readonly<Record<string, unknown>>): AllowRefusal | null {
  if (rules === 'everyone') return null
  return emailRefusal(rules, claims) ?? claimRefusal(rules, claims)
}

function emailRefusal({ emailDomains, emails }: AllowRules, claims: Readonly<Record<string, unknown>>): AllowRefusal | null {
  if (emailDomains === undefined && emails === undefined) return null
  const parts = splitEmail(claims.email)
  if (parts === null) return 'email_missing'
  // An address that nobody checked is whatever the person typed in. The text "true" is not the value.
  if (claims.email_verified !== true) return 'email_unverified'
  if (emailDomains !== undefined && !emailDomains.includes(parts.domain)) return 'email_not_listed'
  if (emails !== undefined && !emails.includes(`${parts.local}@${parts.domain}`)) return 'email_not_listed'
  return null
}

/**
 * Both parts in lower case; null unless there is exactly one `@` (GHSA-c5c4-8r6x-56w3).
 *
 * Only ASCII: some letters of other scripts turn into ASCII ones in lower case, such as the Kelvin sign.
 * Domains with others are written `xn--…` here and in mail alike.
 */
function splitEmail(email: unknown): { readonly local: string; readonly domain: string } | null {
  if (typeof email !== 'string') return null
  const [, local, domain] = /^([\x21-\x3f\x41-\x7e]+)@([A-Za-z0-9.-]+)$/.exec(email) ?? []
  if (local === undefined || domain === undefined) return null
  return { local: local.toLowerCase(), domain: domain.toLowerCase() }
}

function claimRefusal({ claims: rules = {} }: AllowRules, claims: Readonly<Record<string, unknown>>): AllowRefusal | null {
  const isMet = ([name, allowed]: readonly [string, readonly string[]]) =>
    Object.hasOwn(claims, name) && [claims[name]].flat().some(value => typeof value === 'string' && allowed.includes(value))
  return Object.entries(rules).every(isMet) ? null : 'claim_not_listed'
}
