import { GatewayError } from '../../src/errors.ts'
import type { Store } from '../../src/store/store.ts'

/**
 * A store that can be switched off, as the gateway sees a Redis that is away. It is off from the start unless told otherwise.
 *
 * @param state.verbs what is switched off; all verbs when it is left out
 */
export function brokenStore(store: Store, state: { isAway: boolean; readonly verbs?: readonly string[] } = { isAway: true }): Store {
  return new Proxy(store, {
    get(target, name, receiver) {
      const verb: unknown = Reflect.get(target, name, receiver)
      if (typeof verb !== 'function' || name === 'close') return verb
      return (...args: unknown[]) =>
        state.isAway && (state.verbs?.includes(String(name)) ?? true)
          ? Promise.reject(new GatewayError('store_unavailable', 'switched off by a test'))
          : Reflect.apply(verb, target, args)
    },
  })
}
