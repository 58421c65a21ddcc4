import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { GatewayError } from '../errors.ts'
import type { RequestHead } from './request-head.ts'

/** RFC 6455 §1.3: what a server adds to the key, so that only one that knows WebSocket can answer. */
const suffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * Whether a request is the handshake of a WebSocket (RFC 6455 §4.1). Whatever else names `Upgrade` is an ordinary
 * request, whose Upgrade nobody follows (RFC 9110 §7.8): other protocols, HTTP/1.0, other methods, requests with a body.
 */
export function asksForWebSocket({ method, headers, httpVersionMinor }: RequestHead): boolean {
  if (method !== 'GET' || httpVersionMinor === 0 || headers.upgrade?.toLowerCase() !== 'websocket') return false
  return headers['content-length'] === undefined && headers['transfer-encoding'] === undefined
}

/**
 * What the answer to a handshake must say in Sec-WebSocket-Accept.
 *
 * @throws {GatewayError} `bad_request` for a version other than 13, whose frames nobody here can read, and for a key that
 *   is none
 */
export function expectedAccept(headers: IncomingHttpHeaders): string {
  if (headers['sec-websocket-version'] !== '13') {
    throw new GatewayError('bad_request', 'another version of WebSocket than 13', {
      reason: 'websocket_version',
      headers: { 'sec-websocket-version': '13' },
    })
  }
  const key = headers['sec-websocket-key']
  if (typeof key !== 'string' || !/^[A-Za-z0-9+/]{22}==$/.test(key)) {
    throw new GatewayError('bad_request', 'no Sec-WebSocket-Key, or none of 16 bytes', { reason: 'websocket_key' })
  }
  return createHash('sha1').update(key).update(suffix).digest('base64')
}
