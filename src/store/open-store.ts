import type { SessionConfig } from '../config/config.ts'
import { createMemoryStore } from './memory.ts'
import { createRedisStore, type RedisStoreOptions } from './redis.ts'
import type { Store } from './store.ts'

/** Opens the engine that the configuration names. It connects in the background; until then its verbs reject. */
export function openStore(
  config: SessionConfig['store'],
  deps: { readonly now: () => number; readonly onEvent: NonNullable<RedisStoreOptions['onEvent']> },
): Store {
  if (config.kind === 'memory') return createMemoryStore({ now: deps.now })
  const { url, namespace, tls } = config
  return createRedisStore({ url, namespace, ...(tls === undefined ? {} : { tls }), onEvent: deps.onEvent })
}
