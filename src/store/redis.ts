import type { RedisAccess, RedisSentinelConfig, RedisTls } from '../config/store-config.ts'
import { createKeys } from './keys.ts'
import { readRedisUrl } from './redis-client.ts'
import { createRedisCluster, type RedisClusterOptions } from './redis-cluster.ts'
import { ping, type RedisLink } from './redis-command.ts'
import { createRedisConnection } from './redis-connection.ts'
import { reportEviction } from './redis-eviction.ts'
import { createRedisHealth, type StoreEventListener } from './redis-health.ts'
import { createRedisNode } from './redis-node.ts'
import { createMasterLocator } from './redis-sentinel.ts'
import { createRedisVerbs } from './redis-verbs.ts'
import type { Store } from './store.ts'

interface CommonOptions {
  /** The first part of every key: 1 to 32 characters of base64url. */
  readonly namespace: string
  readonly onEvent?: StoreEventListener
}

export interface RedisStoreOptions extends CommonOptions {
  /** `redis://` or `rediss://`, with user, password and database number where they are needed. */
  readonly url: string
  /** PEM of the authorities to trust instead of the well-known ones. Needs `rediss://`. */
  readonly tls?: RedisTls
}

/**
 * Creates a store over one Redis. It connects in the background and, after an outage, by itself; until then
 * every verb rejects at once. None waits longer than about 1 s for an answer.
 *
 * @throws {TypeError} for a URL or namespace that is none
 */
export function createRedisStore({ url, tls, namespace, onEvent }: RedisStoreOptions): Store {
  const keys = createKeys(namespace)
  const { address, access } = readRedisUrl(url, tls)
  const health = createRedisHealth(onEvent)
  return createRedisVerbs(openSingle(), keys)

  function openSingle(): RedisLink {
    const connection = createRedisConnection({
      access,
      locate: () => address,
      health: health.join(),
      onConnected: () => reportEviction(connection, health),
    })
    const { ask, close } = connection
    return { ask, askConfirmed: ask, ping: () => ask(ping, () => {}), close }
  }
}

export interface RedisSentinelStoreOptions extends CommonOptions {
  readonly sentinel: RedisSentinelConfig
  /** Of the master, whichever it is. */
  readonly access: RedisAccess
}

/** The same over the master that sentinels name. @throws {TypeError} for a namespace that is none */
export function createRedisSentinelStore({ sentinel, access, namespace, onEvent }: RedisSentinelStoreOptions): Store {
  const keys = createKeys(namespace)
  const { locate, admit } = createMasterLocator(sentinel)
  return createRedisVerbs(createRedisNode({ access, locate, admit, health: createRedisHealth(onEvent) }), keys)
}

export interface RedisClusterStoreOptions extends CommonOptions, RedisClusterOptions {}

/** The same over the masters of a cluster. @throws {TypeError} for a namespace that is none */
export function createRedisClusterStore({ nodes, access, namespace, onEvent }: RedisClusterStoreOptions): Store {
  const keys = createKeys(namespace)
  return createRedisVerbs(createRedisCluster({ nodes, access, health: createRedisHealth(onEvent) }), keys)
}
