import type { GatewayConfig } from '../config/config.ts'
import { type Finding, ok, warning } from './finding.ts'
import { KnockError, knock } from './knock.ts'

/** Looks whether each address of an upstream answers at all. One that does not is a warning: it may come later. */
export async function findingsOfUpstreams({ routes }: GatewayConfig): Promise<readonly Finding[]> {
  const seen = new Map<string, Promise<Finding>>()
  for (const { upstream } of routes) {
    if (upstream.kind !== 'servers') continue
    for (const address of upstream.addresses) {
      const { ca, serverName } = upstream.tls
      const what = `upstream ${address.name}`
      const options = { ca, servername: serverName, socketPath: address.socketPath ?? undefined }
      if (!seen.has(address.name)) seen.set(address.name, look(what, address.origin, options))
    }
  }
  return await Promise.all(seen.values())
}

async function look(what: string, origin: string, options: Parameters<typeof knock>[1]): Promise<Finding> {
  try {
    const { status } = await knock(origin, options)
    return ok(what, `answers (${status} to GET /)`)
  } catch (error) {
    if (!(error instanceof KnockError)) throw error
    return warning(what, error.message)
  }
}
