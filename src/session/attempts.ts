import type { Store } from '../store/store.ts'
import { type Random, randomToken } from './credential.ts'
import type { Sealing } from './sealing.ts'
import type { AgentGrant, SignIn } from './session.ts'

/** A sign-in attempt is given up after this long; contract.md section 4. */
export const attemptLifeMs = 10 * 60_000

/** What the browser that began the attempt holds, in its attempt cookie: `<id>.<secret>`. */
export interface AttemptTicket {
  /** 22 characters of base64url; also the first part of `state`. */
  readonly id: string
  /** 43 characters of base64url. */
  readonly secret: string
}

/** One run from /auth/login to /auth/continue. */
export interface Attempt extends AttemptInput {
  /** `<id>.<43 random characters>`: the `state` of the authorization request. */
  readonly state: string
  readonly nonce: string
  /** PKCE code verifier: 43 characters, 256 random bits (RFC 7636 §4.1). */
  readonly verifier: string
  readonly begunAt: number
}

export interface AttemptInput {
  readonly provider: string
  /** The origin (`href`) it began on, and must come back to. */
  readonly origin: string
  /** Path, query and fragment on that origin. */
  readonly returnTo: string
  /** Seconds, when the authorization request asks for it. */
  readonly maxAge?: number
  readonly acrValues?: string
  /** The session that is to be raised by it: it began with `maxAge` or `acrValues` while that one lived. */
  readonly stepUp?: string
  /** `prompt=none`: the provider was not to ask the person anything. */
  readonly isSilent?: boolean
  /** A native client's: it goes to the approval page, and never touches a browser session. */
  readonly native?: NativeAsk
}

/** What a native client asked for, checked; what the person approves, or does not. */
export interface NativeAsk {
  readonly clientId: string
  readonly scopes: readonly string[]
  /** Null for no limit; RFC 8707. */
  readonly resources: readonly string[] | null
  /** How the client is told of it; by nothing where it signs in by a device code, or where the person asks. */
  readonly answer: CodeAnswer | null
  /** The device that waits for it; null where the program is told by the browser. */
  readonly device: DeviceAsk | null
  /** With it no program waits: the person makes an agent session, for themself to hand out. */
  readonly agent?: AgentAsk
}

/** What an agent is to be held to, beside scopes. */
export interface AgentAsk extends Pick<AgentGrant, 'name' | 'routes' | 'maxCalls'> {
  readonly lifeMs: number
}

/** A program that signs its person in by a code which they type into a browser elsewhere (RFC 8628). */
export interface DeviceAsk {
  /** Of the device code; also that of the session which comes of it. */
  readonly id: string
  /** As the device shows it. */
  readonly userCode: string
  readonly startedAt: number
  /** The client address that it asked from. */
  readonly startedFrom: string
}

/** Where the answer to an authorization request goes. */
export interface CodeAnswer {
  /** As the client wrote it, to the byte. */
  readonly redirectUri: string
  readonly responseMode: 'query' | 'form_post'
  readonly state: string | null
  /** PKCE, S256: 43 characters of base64url. */
  readonly challenge: string
}

/** An attempt that can be taken once, by `take`, which tells whether this call was the one. */
export type OpenAttempt = (Attempt & { readonly take: () => Promise<boolean> }) | 'spent' | 'unknown'
export type OpenResult =
  | ({ readonly attempt: Attempt; readonly signIn: SignIn } & { readonly take: () => Promise<boolean> })
  | 'spent'
  | 'unknown'

/** Keeps sign-in attempts. What is stored opens only with the browser's ticket and the gateway's key together. */
export interface Attempts {
  begin(input: AttemptInput): Promise<{ readonly ticket: AttemptTicket; readonly attempt: Attempt }>
  /** Looks without spending: a wrong state must not burn the right one. */
  open(ticket: AttemptTicket): Promise<OpenAttempt>
  /** Keeps what the callback brought until /continue takes it. */
  park(ticket: AttemptTicket, attempt: Attempt, signIn: SignIn): Promise<void>
  openResult(ticket: AttemptTicket): Promise<OpenResult>
}

export interface AttemptsDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly now: () => number
  readonly random: Random
}

/** @throws {GatewayError} `store_unavailable`, from every method */
export function createAttempts(deps: AttemptsDeps): Attempts {
  /** Reads a one-time item and what it holds; the life inside it counts, whatever the store's clock says. */
  async function read<Held extends { readonly begunAt: number }>(kind: SealedKind, ticket: AttemptTicket) {
    const key = { kind, id: ticket.id }
    const item = await deps.store.peekOnce(key)
    if (item === null) return 'unknown'
    if (item.state === 'spent') return 'spent'
    const opened = deps.sealing.open({ type: kind, key: ticket.id }, item.value, ticket.secret)
    if (opened === 'altered' || opened === 'unknown_key') return 'unknown'
    const held = JSON.parse(opened.plaintext) as Held
    if (deps.now() - held.begunAt >= attemptLifeMs) return 'unknown'
    return { ...held, take: () => deps.store.takeOnce(key, item.value) }
  }

  async function keep(kind: SealedKind, ticket: AttemptTicket, held: { readonly begunAt: number }): Promise<void> {
    const sealed = deps.sealing.seal({ type: kind, key: ticket.id, version: 0 }, JSON.stringify(held), ticket.secret)
    await deps.store.putOnce({ kind, id: ticket.id }, sealed, held.begunAt + attemptLifeMs - deps.now())
  }

  return {
    async begin(input) {
      const ticket = { id: randomToken(deps.random, 16), secret: randomToken(deps.random, 32) }
      const attempt: Attempt = {
        ...input,
        state: `${ticket.id}.${randomToken(deps.random, 32)}`,
        nonce: randomToken(deps.random, 32),
        verifier: randomToken(deps.random, 32),
        begunAt: deps.now(),
      }
      await keep('attempt', ticket, attempt)
      return { ticket, attempt }
    },
    open: ticket => read<Attempt>('attempt', ticket),
    park: (ticket, attempt, signIn) => keep('result', ticket, { begunAt: attempt.begunAt, attempt, signIn } as Parked),
    openResult: ticket => read<Parked>('result', ticket),
  }
}

type SealedKind = 'attempt' | 'result'

interface Parked {
  readonly begunAt: number
  readonly attempt: Attempt
  readonly signIn: SignIn
}
