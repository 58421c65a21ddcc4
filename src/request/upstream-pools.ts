import { createHash } from 'node:crypto'
import { isIP } from 'node:net'
import type { RouteRule, ServerUpstream, UpstreamAddress } from '../config/config.ts'
import { describeFailure, type Log } from '../ops/log.ts'
import { UpstreamAddresses } from './upstream-addresses.ts'
import { AddressHealth } from './upstream-health.ts'
import { UpstreamPool } from './upstream-pool.ts'

/**
 * Connections to one address for ordinary requests; for event streams and sockets, which hold theirs for hours; and for uploads,
 * which hold theirs for as long as the client likes to send: neither must use up those of the others. 32 to 128 were
 * measured equal at 64 clients.
 */
const connections = { ordinary: 64, stream: 1024, upload: 64, socket: 4096 }

export interface UpstreamPoolDeps {
  /** Epoch ms. */
  readonly now: () => number
  readonly log: Pick<Log, 'write'>
}

export interface UpstreamPools {
  /** The addresses for a route's requests of one kind. */
  addressesFor(upstream: ServerUpstream, timeouts: RouteRule['timeouts'], kind: keyof typeof connections): UpstreamAddresses
  /** Closes all connections; what still runs over them fails. */
  close(): Promise<void>
}

/**
 * Creates the pools of upstream connections: one for each address, TLS identity, connect timeout and kind. What is known
 * of an address's health is shared by all its pools.
 */
export function createUpstreamPools({ now, log }: UpstreamPoolDeps): UpstreamPools {
  const pools = new Map<string, UpstreamPool>()
  const healths = new Map<string, AddressHealth>()

  function poolFor(address: UpstreamAddress, tls: ServerUpstream['tls'], connectMs: number, kind: keyof typeof connections): UpstreamPool {
    const identity = `${address.name} ${fingerprint(tls)}`
    return kept(pools, `${kind} ${connectMs} ${identity}`, () => {
      const health = kept(healths, identity, () => createHealth(address.name))
      const options = { address, tls, servername: nameForTls(address, tls), connectMs, health }
      return new UpstreamPool(options, connections[kind])
    })
  }

  function createHealth(address: string): AddressHealth {
    return new AddressHealth({
      now,
      onChange(change, error) {
        if (change === 'up') log.write('warn', 'upstream_up', { upstream: address })
        else log.write('warn', 'upstream_down', { upstream: address, ...describeFailure(error) })
      },
    })
  }

  return {
    addressesFor: ({ addresses, tls }, { connectMs }, kind) =>
      new UpstreamAddresses(addresses.map(address => poolFor(address, tls, connectMs, kind))),

    async close() {
      await Promise.all([...pools.values()].map(pool => pool.close()))
    },
  }
}

/** The name for TLS: that of the configured host. For an IP address there is none, and the address itself is checked. */
function nameForTls({ origin }: UpstreamAddress, { serverName }: ServerUpstream['tls']): string {
  const { hostname } = new URL(origin)
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return serverName ?? (isIP(host) === 0 ? host : '')
}

/** Tells TLS identities apart; nothing of a key can be read from it. */
function fingerprint({ ca, cert, key, serverName }: ServerUpstream['tls']): string {
  const hash = createHash('sha256')
  for (const part of [ca, cert, key, serverName]) hash.update(String(part?.length)).update(part ?? '')
  return hash.digest('base64')
}

function kept<T>(map: Map<string, T>, key: string, make: () => T): T {
  let found = map.get(key)
  if (found === undefined) {
    found = make()
    map.set(key, found)
  }
  return found
}
