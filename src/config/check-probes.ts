import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { defaultListenHost, overlap } from './hosts.ts'

/** Checks that the probes port is nobody else's: whoever reaches it reads the metrics. */
export function checkProbes({ sections, admin, forwardAuth, session }: Draft, report: Report): void {
  const { probes, listen } = sections
  if (probes === undefined || probes.port === 0) return
  const others = [
    { name: 'listen.port', host: listen?.host ?? defaultListenHost(session.cookie), port: listen?.port },
    { name: 'admin.port', host: admin.host, port: admin.port },
    { name: 'forwardAuth.port', host: forwardAuth?.host, port: forwardAuth?.port },
  ]
  for (const { name, host, port } of others) {
    if (host !== undefined && port === probes.port && overlap(host, probes.host))
      report(['probes', 'port'], `is also ${name} on the same address: give each its own`)
  }
}
