import type { StoreConfig } from '../config/store-config.ts'
import { createMemoryStore } from './memory.ts'
import { createRedisClusterStore, createRedisSentinelStore, createRedisStore } from './redis.ts'
import type { StoreEventListener } from './redis-health.ts'
import type { Store } from './store.ts'

/** Opens the engine that the configuration names. It connects in the background; until then its verbs reject. */
export function openStore(config: StoreConfig, deps: { readonly now: () => number; readonly onEvent: StoreEventListener }): Store {
  const { onEvent } = deps
  switch (config.kind) {
    case 'memory':
      return createMemoryStore({ now: deps.now })
    case 'redis':
      return createRedisStore({ ...config, onEvent })
    case 'redis-cluster':
      return createRedisClusterStore({ ...config, onEvent })
    case 'redis-sentinel':
      return createRedisSentinelStore({ ...config, onEvent })
  }
}
