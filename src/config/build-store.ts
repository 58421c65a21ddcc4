import type { StoreOptions } from './schema-store.ts'
import type { RedisAddress, RedisTls, StoreConfig } from './store-config.ts'

const redisPort = 6379
const sentinelPort = 26_379

/** Turns options that passed every check into what the store reads. */
export function buildStore({ kind, url = '', nodes = [], sentinel, namespace, tls: given, ...login }: StoreOptions): StoreConfig {
  const tls: { readonly tls?: RedisTls } = given === undefined ? {} : { tls: given.ca === undefined ? {} : { ca: Buffer.from(given.ca) } }
  const { username, password, database } = login
  const access = { ...loginOf({ username, password }), ...(database !== undefined && { database }), ...tls }
  if (kind === 'memory') return { kind }
  if (kind === 'redis') return { kind, url, namespace, ...tls }
  if (kind === 'redis-cluster') return { kind, nodes: nodes.map(node => readAddress(node, redisPort)), access, namespace }
  if (sentinel === undefined) throw new TypeError('the checks let nothing incomplete pass')
  return {
    kind,
    sentinel: {
      master: sentinel.master,
      nodes: sentinel.nodes.map(node => readAddress(node, sentinelPort)),
      access: { ...loginOf(sentinel), ...tls },
    },
    access,
    namespace,
  }
}

interface Login {
  readonly username?: string | undefined
  readonly password?: string | undefined
}

function loginOf({ username, password }: Login): { readonly username?: string; readonly password?: string } {
  return { ...(username !== undefined && { username }), ...(password !== undefined && { password }) }
}

/** `host`, `host:port`, `[address]:port`. */
function readAddress(text: string, defaultPort: number): RedisAddress {
  const [, host = '', port = defaultPort] = /^(.*?)(?::(\d+))?$/.exec(text) ?? []
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}
