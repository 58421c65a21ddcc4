import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'

/** Checks that what routes assert can be signed, is about somebody, and that keys can be told apart. */
export function checkAssertions({ sections, routes, isUnreadable }: Draft, report: Report): void {
  const keys = sections.assertionKeys ?? []
  keys.forEach(({ id }, i) => {
    const first = keys.findIndex(other => other.id === id)
    if (first < i) report(['assertionKeys', i, 'id'], `is also the id of assertionKeys[${first}]: upstreams could not tell the two apart`)
  })

  const hasKeys = sections.assertionKeys !== undefined || isUnreadable(['assertionKeys'])
  for (const [i, { assertion, access }] of routes) {
    if (assertion === undefined) continue
    const path = ['routes', i, 'assertion']
    if (!hasKeys) report(path, 'needs a key that signs it: add assertionKeys')
    if (access === 'anyone') report(path, 'is never set with access: anyone, which does not read the session: remove it')
  }
}
