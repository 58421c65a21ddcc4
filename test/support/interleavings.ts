import type { Store } from '../../src/store/store.ts'

type Name = 'a' | 'b'

/** In which order the store served the calls of two processes. */
export type Schedule = readonly Name[]

/**
 * Starts the two processes, each on its view of one new store, and resolves when both are through.
 *
 * @param views makes the views; their calls wait until it is their turn
 */
type Run = (views: (store: Store) => Readonly<Record<Name, Store>>, schedule: Schedule) => Promise<void>

/**
 * Runs two processes over one store in every order in which the store can serve their calls.
 *
 * @param verbs the calls that wait for their turn; all others go straight through
 * @returns how many orders there were
 */
export async function tryEveryOrder(verbs: readonly string[], run: Run): Promise<number> {
  let orders = 0
  for (let choices: Name[] | null = []; choices !== null; choices = nextChoices(choices)) {
    await runOnce(verbs, choices, run)
    orders += 1
  }
  return orders
}

/** Goes by the choices as far as they reach, then always with `a`, and notes down what it chose. */
async function runOnce(verbs: readonly string[], choices: Name[], run: Run): Promise<void> {
  const schedule: Name[] = []
  const waiting: Record<Name, (() => void)[]> = { a: [], b: [] }
  let isOver = false
  const views = (store: Store) => ({ a: gated(store, verbs, waiting.a), b: gated(store, verbs, waiting.b) })
  const running = run(views, schedule).finally(() => {
    isOver = true
  })
  // Told where it is awaited, at the end.
  running.catch(() => undefined)

  let made = 0
  for (let idle = 0; !isOver; ) {
    // Until neither can go on but by the store.
    await new Promise(resolve => setImmediate(resolve))
    const able = (['a', 'b'] as const).filter(name => waiting[name].length > 0)
    idle = able.length === 0 ? idle + 1 : 0
    if (idle > 1000) throw new Error(`nothing goes on after ${schedule.join('')}`)
    let next = able[0]
    if (able.length === 2) {
      next = choices[made] ?? 'a'
      choices[made++] = next
    }
    if (next === undefined) continue
    schedule.push(next)
    waiting[next].shift()?.()
  }
  await running
}

function gated(store: Store, verbs: readonly string[], waiting: (() => void)[]): Store {
  return new Proxy(store, {
    get(target, verb, receiver) {
      const method: unknown = Reflect.get(target, verb, receiver)
      if (typeof method !== 'function' || !verbs.includes(String(verb))) return method
      return async (...args: unknown[]) => {
        await new Promise<void>(resolve => waiting.push(resolve))
        return (await method.apply(target, args)) as unknown
      }
    },
  })
}

/** The last `a` becomes `b`, and what came after it is chosen anew; null when there is none. */
function nextChoices(choices: readonly Name[]): Name[] | null {
  const last = choices.lastIndexOf('a')
  return last === -1 ? null : [...choices.slice(0, last), 'b']
}
