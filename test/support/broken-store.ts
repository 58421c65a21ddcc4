import { GatewayError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'

/** A store that can be switched off, as the gateway sees a Redis that is away. It is off from the start unless told otherwise. */
export function brokenStore(store: Store, state: { isAway: boolean } = { isAway: true }): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      const verb: unknown = Reflect.get(target, name, receiver)
      if (typeof verb !== 'function' || name === 'close') return verb
      return (...args: unknown[]) =>
        state.isAway ? Promise.reject(new GatewayError('store_unavailable', 'switched off by a test')) : Reflect.apply(verb, target, args)
    },
  })
}
