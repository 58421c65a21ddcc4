import type { SessionRecord } from './session.ts'

/**
 * Who acts for the person, as upstreams are told: `agent:<name>`, the one that acts first, then those behind it, and last
 * `client:<id>`, the program that the person has let in. Empty for a browser: there the person acts.
 *
 * What kind stands before each: a name of an agent nobody has checked, and it may be spelt like a client's id.
 */
export function actorsOf({ client, agent }: Pick<SessionRecord, 'client' | 'agent'>): readonly string[] {
  if (client === undefined) return []
  const agents = agent === undefined ? [] : agent.act.slice(0, -1).map(name => `agent:${name}`)
  return [...agents, `client:${client.id}`]
}

/** The same as a claim: each actor holds the one behind it (RFC 8693 §4.1). Undefined for a browser. */
export function actClaim(actors: readonly string[]): ActClaim | undefined {
  return actors.reduceRight<ActClaim | undefined>((behind, sub) => (behind === undefined ? { sub } : { sub, act: behind }), undefined)
}

export interface ActClaim {
  readonly sub: string
  readonly act?: ActClaim
}
