import type { Audit } from '../../src/ops/audit.ts'
import { createFamilies, type Families } from '../../src/session/families.ts'
import type { Sealing } from '../../src/session/sealing.ts'
import type { Beginning, Ended } from '../../src/session/session.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import type { Store } from '../../src/store/store.ts'

/** Where a test's session begins. */
export const beginning: Beginning = { origin: 'https://app.example.test', device: 'Firefox on Linux', address: '192.0.2.7' }

export interface TestFamiliesOptions {
  readonly store: Store
  readonly sealing: Sealing
  readonly now: () => number
  readonly audit?: Audit
  readonly mode?: 'holder' | 'gateway'
  readonly onLapsed?: (ended: Ended) => void
  readonly settings?: { readonly idleTimeoutMs: number; readonly absoluteTimeoutMs: number }
}

/** Families over the given store, with the timeouts of the defaults. */
export function makeFamilies(options: TestFamiliesOptions): Families {
  const { store, sealing, now, mode = 'holder', audit = () => undefined, onLapsed = () => undefined } = options
  const { idleTimeoutMs, absoluteTimeoutMs } = options.settings ?? { idleTimeoutMs: 1_800_000, absoluteTimeoutMs: 43_200_000 }
  return createFamilies({
    store,
    sealing,
    index: createSessionIndex({ store, now }),
    settings: { idleTimeoutMs, absoluteTimeoutMs, sealing: mode },
    now,
    audit,
    onLapsed,
  })
}
