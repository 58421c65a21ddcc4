import { checkStore } from './check-store.ts'
import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { keyPairProblem } from './key-pair.ts'
import { cookieKeyProblem } from './key-strength.ts'

/** Checks the store, the deadlines and the keys; and the listener's certificate against its key. */
export function checkSession({ sections, session }: Draft, report: Report): void {
  const { store, idleTimeout, absoluteTimeout, cookieKeys = [], sealingKeys = [] } = session
  if (store !== undefined) checkStore(store, report)
  if (idleTimeout !== undefined && absoluteTimeout !== undefined && idleTimeout > absoluteTimeout) {
    report(['session', 'idleTimeout'], 'is longer than absoluteTimeout, so it would never matter: make it shorter')
  }
  cookieKeys.forEach((key, i) => {
    const problem = cookieKeyProblem(key.trim())
    if (problem !== null) report(['session', 'cookieKeys', i], problem)
  })
  sealingKeys.forEach(({ id }, i) => {
    const first = sealingKeys.findIndex(other => other.id === id)
    if (first < i) report(['session', 'sealingKeys', i, 'id'], `is also the id of sealingKeys[${first}]: every key needs its own`)
  })
  const tls = sections.listen?.tls
  const problem = tls === undefined ? null : keyPairProblem(tls, 'listen.tls.cert')
  if (problem !== null) report(['listen', 'tls', 'key'], problem)
}
