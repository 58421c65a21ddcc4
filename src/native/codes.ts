import type { CodeAnswer, NativeAsk } from '../session/attempts.ts'
import type { Random } from '../session/credential.ts'
import type { Sealing } from '../session/sealing.ts'
import type { Store } from '../store/store.ts'
import { type Approved, newCode, type PresentedCode } from './begin-session.ts'

/** RFC 6749 §4.1.2 allows ten minutes; the program waits for it at this very moment. NAT-17. */
export const codeLifeMs = 60_000

/** What a code stands for: an approved sign-in, and to whom it may be given. */
export interface CodeGrant extends Approved {
  readonly ask: NativeAsk & { readonly answer: CodeAnswer }
}

/**
 * Authorization codes: `<id>.<secret>`. The store holds what a code stands for, the person's tokens with it, only sealed
 * under the gateway's key and the code together (RDS-08, NAT-17).
 */
export interface Codes {
  /** @throws {GatewayError} `store_unavailable` */
  mint(grant: CodeGrant): Promise<string>
  /**
   * Looks without spending. Of any number of calls of `take`, in any number of processes, exactly one gets true.
   *
   * @returns null when there is no such code: never, no longer, or it was spent
   * @throws {GatewayError} `store_unavailable`
   */
  open(code: PresentedCode): Promise<{ readonly grant: CodeGrant; readonly take: () => Promise<boolean> } | null>
}

export interface CodesDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly random: Random
}

export function createCodes({ store, sealing, random }: CodesDeps): Codes {
  return {
    async mint(grant) {
      const { id, secret } = newCode(random)
      const sealed = sealing.seal({ type: 'code', key: id, version: 0 }, JSON.stringify(grant), secret)
      await store.putOnce({ kind: 'code', id }, sealed, codeLifeMs)
      return `${id}.${secret}`
    },

    async open({ id, secret }) {
      const key = { kind: 'code', id } as const
      const item = await store.peekOnce(key)
      if (item?.state !== 'live') return null
      const opened = sealing.open({ type: 'code', key: id }, item.value, secret)
      if (typeof opened === 'string') return null
      return { grant: JSON.parse(opened.plaintext) as CodeGrant, take: () => store.takeOnce(key, item.value) }
    },
  }
}
