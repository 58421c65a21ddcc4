import { isIP } from 'node:net'
import { buildConnector, Pool } from 'undici'
import type { RouteRule } from '../config/config.ts'

/**
 * Connections to one upstream for ordinary requests, and for event streams, which hold theirs for hours and
 * must not use up those of the others. 32 to 128 were measured equal at 64 clients.
 */
const connections = { ordinary: 64, stream: 1024 }

/** Requests that may wait for a connection; more are told to come again rather than left waiting. */
const maxWaiting = 256

/** The connections to one upstream. */
export interface UpstreamPool {
  readonly pool: Pool
  /** What TLS asks for and checks, whatever Host says. */
  readonly servername: string
  readonly connections: number
  /** Requests that this pool may have at one time, waiting ones among them. */
  readonly capacity: number
  /** Requests that it has now. */
  active: number
}

export interface UpstreamPools {
  /** The pool for a route: one for each upstream, connect timeout and kind. */
  poolFor(route: RouteRule, kind: keyof typeof connections): UpstreamPool
  /** Closes all connections; what still runs over them fails. */
  close(): Promise<void>
}

/** Creates the pools of upstream connections. They outlive a reload of the configuration. */
export function createUpstreamPools(): UpstreamPools {
  const pools = new Map<string, UpstreamPool>()

  return {
    poolFor(route, kind) {
      const key = `${kind} ${route.timeouts.connectMs} ${route.upstream}`
      let found = pools.get(key)
      if (found === undefined) {
        found = createPool(route.upstream, route.timeouts.connectMs, connections[kind])
        pools.set(key, found)
      }
      return found
    },

    async close() {
      await Promise.all([...pools.values()].map(({ pool }) => pool.destroy()))
    },
  }
}

function createPool(upstream: string, connectMs: number, size: number): UpstreamPool {
  const { hostname } = new URL(upstream)
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  const connect = buildConnector({ timeout: connectMs, allowH2: false })
  // With preserveHost undici would take the browser's Host for the name in the upstream's certificate. The
  // name is that of the configured upstream (for an address there is no SNI, and the address is checked).
  const servername = isIP(host) === 0 ? host : ''
  const pool = new Pool(upstream, {
    connections: size,
    // More than one request on a connection at a time would let one answer be taken for another's.
    pipelining: 1,
    allowH2: false,
    // Ours, because event streams have none and undici reads it before anyone knows that it is one.
    bodyTimeout: 0,
    connect: (options, callback) => connect({ ...options, servername }, callback),
  })
  return { pool, servername: hostname, connections: size, capacity: size + maxWaiting, active: 0 }
}
