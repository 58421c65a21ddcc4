import type { Store } from '../../src/store/store.ts'

/** When a hook runs: before the store does anything, or when it has done it and the caller does not know yet. */
export type Moment = `before ${string}` | `after ${string}`

/**
 * A store that calls back around every verb: for what must happen at one very moment of another thing's run.
 * What the hook itself asks of the store goes to the one underneath.
 */
export function hookedStore(store: Store, hook: (moment: Moment) => Promise<void>): Store {
  return new Proxy(store, {
    get(target, verb, receiver) {
      const method: unknown = Reflect.get(target, verb, receiver)
      if (typeof method !== 'function' || verb === 'close') return method
      return async (...args: unknown[]) => {
        await hook(`before ${String(verb)}`)
        const result: unknown = await method.apply(target, args)
        await hook(`after ${String(verb)}`)
        return result
      }
    },
  })
}
