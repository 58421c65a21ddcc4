import { hash } from 'node:crypto'
import { GatewayError } from '../errors.ts'
import type { NativeAsk } from '../session/attempts.ts'
import type { Random } from '../session/credential.ts'
import type { Sealing } from '../session/sealing.ts'
import type { Store } from '../store/store.ts'
import { type Approved, newCode, type PresentedCode } from './begin-session.ts'
import { codeLetters } from './matching-code.ts'

/** Time to find a browser, type eight letters, and sign in. RFC 8628 §3.2. */
export const deviceLifeMs = 10 * 60_000
/** For so long after its end a device is told that it was late, not that nobody knows it. */
const afterlifeMs = 10 * 60_000

const userCodeLength = 8

/** What a device waits for. */
export interface DeviceRequest {
  readonly ask: NativeAsk
  readonly startedAt: number
}

/** What became of it. */
export type DeviceOutcome = (Approved & { readonly isApproved: true }) | { readonly isApproved: false }

/**
 * Sign-ins by a code that is typed elsewhere (RFC 8628). What is kept opens with the device code, or with the user code,
 * and the gateway's key. But for one thing: between the approval and the device's next poll the sign-in is sealed under
 * the gateway's key alone, because whoever approves holds no secret of the device (docs/security.md, deviations).
 */
export interface DeviceRequests {
  /** @param from the client address that asks */
  begin(ask: Omit<NativeAsk, 'answer' | 'device'>, from: string): Promise<{ readonly deviceCode: string; readonly userCode: string }>
  /** What a user code stands for, however it is typed; null when for nothing, or no longer. */
  find(userCode: string): Promise<NativeAsk | null>
  /** Keeps the person's answer; false when there was one before. */
  decide(ask: NativeAsk, outcome: DeviceOutcome): Promise<boolean>
  /** What a device code stands for; null when for nothing. */
  open(code: PresentedCode): Promise<DeviceRequest | null>
  /** The answer to it, which is taken once; `spent` when it was, null while there is none. */
  outcome(id: string): Promise<{ readonly outcome: DeviceOutcome; readonly take: () => Promise<boolean> } | 'spent' | null>
}

export interface DeviceRequestsDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly random: Random
  readonly now: () => number
}

export function createDeviceRequests({ store, sealing, random, now }: DeviceRequestsDeps): DeviceRequests {
  async function keep(kind: 'device' | 'user_code', id: string, secret: string, request: DeviceRequest, ttlMs: number): Promise<void> {
    const sealed = sealing.seal({ type: kind, key: id, version: 0 }, JSON.stringify(request), secret)
    // Of two devices with one user code the second would get the first one's approval.
    if (!(await store.putOnce({ kind, id }, sealed, ttlMs))) throw new GatewayError('store_unavailable', 'the code is taken')
  }

  async function read(kind: 'device' | 'user_code', id: string, secret: string): Promise<DeviceRequest | null> {
    const item = await store.peekOnce({ kind, id })
    if (item?.state !== 'live') return null
    const opened = sealing.open({ type: kind, key: id }, item.value, secret)
    return typeof opened === 'string' ? null : (JSON.parse(opened.plaintext) as DeviceRequest)
  }

  return {
    async begin(asked, from) {
      const { id, secret } = newCode(random)
      const userCode = drawUserCode(random)
      const startedAt = now()
      const ask: NativeAsk = { ...asked, answer: null, device: { id, userCode, startedAt, startedFrom: from } }
      await keep('user_code', idOf(userCode), userCode, { ask, startedAt }, deviceLifeMs)
      await keep('device', id, secret, { ask, startedAt }, deviceLifeMs + afterlifeMs)
      return { deviceCode: `${id}.${secret}`, userCode }
    },

    async find(typed) {
      const userCode = normalise(typed)
      if (userCode === null) return null
      const found = await read('user_code', idOf(userCode), userCode)
      return found === null || now() - found.startedAt >= deviceLifeMs ? null : found.ask
    },

    async decide({ device }, outcome) {
      if (device === null) throw new TypeError('no device waits for this')
      const leftMs = device.startedAt + deviceLifeMs - now()
      if (leftMs <= 0) return false
      const sealed = sealing.seal({ type: 'approval', key: device.id, version: 0 }, JSON.stringify(outcome))
      return await store.putOnce({ kind: 'approval', id: device.id }, sealed, leftMs)
    },

    open: ({ id, secret }) => read('device', id, secret),

    async outcome(id) {
      const key = { kind: 'approval', id } as const
      const item = await store.peekOnce(key)
      if (item === null) return null
      if (item.state === 'spent') return 'spent'
      const opened = sealing.open({ type: 'approval', key: id }, item.value)
      if (typeof opened === 'string') return null
      return { outcome: JSON.parse(opened.plaintext) as DeviceOutcome, take: () => store.takeOnce(key, item.value) }
    },
  }
}

/** A user code as people type it: in any case, with any marks between. Null for what can be none. */
function normalise(typed: string): string | null {
  const letters = typed.toUpperCase().replace(/[^A-Z]/g, '')
  if (letters.length !== userCodeLength || ![...letters].every(letter => codeLetters.includes(letter))) return null
  return dashed(letters)
}

/** Eight letters of twenty: 34 bits, which nobody guesses at a few tries a minute (RFC 8628 §5.1, §6.1). */
function drawUserCode(random: Random): string {
  let letters = ''
  while (letters.length < userCodeLength) {
    // 240 is the largest multiple of 20 in a byte: above it, the first letters would come more often.
    for (const byte of random(userCodeLength)) if (byte < 240 && letters.length < userCodeLength) letters += codeLetters[byte % 20]
  }
  return dashed(letters)
}

function dashed(letters: string): string {
  return `${letters.slice(0, 4)}-${letters.slice(4)}`
}

/** So that the store holds no code that somebody could type. */
function idOf(userCode: string): string {
  return hash('sha256', `sallyport user code ${userCode}`, 'base64url')
}
