import type { Person } from '../http/identity-headers.ts'
import { actorsOf } from './actors.ts'
import type { SignedIn } from './session.ts'

/** Who a session acts for, and who acts, as upstreams are told by identity headers. */
export function personOf({ record, vault }: SignedIn): Person {
  const { provider, sub, client } = record
  return { provider, sub, clientId: client?.id ?? null, actors: actorsOf(record), claims: vault.claims }
}
