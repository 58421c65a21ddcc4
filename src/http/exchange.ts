import type { Origin } from '../config/config.ts'

/** What a request asks for, read once: what is authorised is what is forwarded, byte for byte. */
export interface Target {
  /** The configured origin the request came to. */
  readonly origin: Origin
  /** The path as received, known to have one reading only. */
  readonly path: string
  /** The query as received, with its `?`; empty when there is none. */
  readonly query: string
  /** Whether the path holds `%2F`; a route says whether it may. */
  readonly hasEncodedSlash: boolean
}

/** One request on its way through the gateway: what every stage and every answer needs to know of it. */
export interface Exchange {
  /** The X-Request-Id, ours or a well-formed one that came with the request. */
  readonly requestId: string
  readonly method: string
  /** The client's address, as far as listed proxies can be believed. */
  readonly clientAddress: string
  readonly target: Target
  /** Whether a person would see the answer: a top-level GET navigation. */
  readonly isNavigation: boolean
  /** Only on the handshake of a WebSocket. */
  readonly upgrade?: 'websocket'
  /** What upstreams are told of our span (W3C Trace Context); null where nobody traces: then they get the client's. */
  readonly trace: { readonly traceparent: string; readonly tracestate: string } | null
}
