import type { Evidence, Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { defaultListenHost, overlap } from './hosts.ts'
import { tokenProblem } from './key-strength.ts'

/** Checks the admin tokens, and that the admin port is not the public one. */
export function checkAdmin({ admin, sections, session }: Draft, { adminTokens }: Evidence, report: Report): void {
  const { host, port, tokens = [] } = admin
  tokens.forEach(({ id }, i) => {
    const first = tokens.findIndex(other => other.id === id)
    if (first < i) report(['admin', 'tokens', i, 'id'], `is also the id of tokens[${first}]: the audit could not tell the two apart`)
  })
  for (const [i, { token }] of adminTokens) {
    const problem = tokenProblem(token)
    if (problem !== null) report(['admin', 'tokens', i], problem)
  }

  const publicPort = sections.listen?.port ?? 0
  const publicHost = sections.listen?.host ?? defaultListenHost(session.cookie)
  if (host !== undefined && port !== undefined && port !== 0 && port === publicPort && overlap(host, publicHost)) {
    report(['admin', 'port'], 'is also listen.port on the same address: administrators need a port of their own')
  }
}
