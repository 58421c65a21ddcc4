import type { Origin } from './config.ts'

/** The authorization server for native clients. */
export interface NativeConfig {
  /** Where it is: an origin of its own, or the first of `origins`. Its `href` is the issuer. */
  readonly origin: Origin
  readonly hasOwnOrigin: boolean
  readonly idleTimeoutMs: number
  readonly absoluteTimeoutMs: number
  readonly clients: readonly NativeClient[]
  /** Clients that describe themselves at the address that is their id; none without it. */
  readonly clientIdMetadata?: {
    /** Addresses of documents, and origins all of whose documents are let in. */
    readonly allow: readonly string[]
    /** What each of them may ask for. */
    readonly scopes: readonly string[]
  }
}

/** A program that may sign people in; public, without a secret (RFC 8252 §8.4). */
export interface NativeClient {
  readonly id: string
  readonly name: string
  /** `loopback`, or redirect URIs; loopback ones are without a port. */
  readonly redirects: readonly string[]
  readonly scopes: readonly string[]
  /** Whether a request that was not pushed is refused (RFC 9126). */
  readonly par: 'auto' | 'require'
  /** Whether answers go by a form alone, or as the client asks. */
  readonly responseMode: 'any' | 'form_post'
  readonly device: boolean
  readonly delegate: boolean
}
