import type { Socket } from 'node:net'
import type { UpstreamFields } from '../http/response-headers.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/** What became of a request that was let through. */
export type ForwardOutcome =
  /** The upstream's answer was passed on whole. */
  | { readonly result: 'answered'; readonly status: number }
  /** The client left before the end; null when nothing had been answered yet. */
  | { readonly result: 'client_left'; readonly status: number | null }
  /** The session ended, or this process is about to, and with it the event stream. */
  | { readonly result: 'stream_ended'; readonly status: number }
  /** The upstream, at this address, broke off in mid-answer, and so did we. */
  | { readonly result: 'cut'; readonly status: number; readonly error: Error; readonly upstream: string }
  /** The upstream has switched protocols, which it was asked to; the client does not know yet. */
  | {
      readonly result: 'upgraded'
      readonly fields: UpstreamFields
      /** What of them the client may have, as name, value, …. */
      readonly headers: readonly string[]
      readonly socket: Socket
      readonly pool: UpstreamPool
    }
  /** The upstream answered 401, and nothing of that has been passed on: `withholds` said so. */
  | { readonly result: 'unauthorized'; readonly challenge: UpstreamFields[string] }
