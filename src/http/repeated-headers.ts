import { GatewayError } from '../errors.ts'
import type { RequestHead } from './request-head.ts'

/**
 * Refuses requests that two programs could read differently because of their header lines: two lines of
 * Host, Authorization, Content-Length, Content-Type, Origin or a Sec-Fetch header (Node keeps the first or
 * joins them, an upstream may keep the last), and framing other than a single `chunked` in HTTP/1.1
 * (RFC 9112 §6.1; Node also takes `gzip, chunked`, and takes any in HTTP/1.0).
 *
 * @throws {GatewayError} `bad_request`, reason `repeated_header` or `transfer_encoding`
 */
export function refuseRepeatedHeaders(req: RequestHead): void {
  const encoding = req.headers['transfer-encoding']
  if (encoding !== undefined && (encoding.toLowerCase() !== 'chunked' || req.httpVersionMinor === 0)) {
    throw new GatewayError('bad_request', 'a transfer coding that is not plain chunked', {
      reason: 'transfer_encoding',
      // What follows on this connection may not be what it looks like.
      headers: { connection: 'close' },
    })
  }

  const lines = req.rawHeaders
  // As many names as lines: no name is there twice. Nearly every request leaves here.
  if (Object.keys(req.headers).length * 2 === lines.length) return

  let seen = 0
  for (let i = 0; i < lines.length; i += 2) {
    const name = lines[i] ?? ''
    // Most names are told apart from these by their length alone.
    const candidates = singleByLength[name.length]
    if (candidates === undefined) continue
    const bit = candidates.get(name.toLowerCase())
    if (bit === undefined) continue
    if ((seen & bit) !== 0) throw new GatewayError('bad_request', `two lines of ${name.toLowerCase()}`, { reason: 'repeated_header' })
    seen |= bit
  }
}

/** Every Sec-Fetch header that exists: Fetch Metadata and Storage Access Headers. */
const single = [
  'host',
  'authorization',
  'content-length',
  'content-type',
  'origin',
  'sec-fetch-site',
  'sec-fetch-mode',
  'sec-fetch-dest',
  'sec-fetch-user',
  'sec-fetch-storage-access',
] as const

/** Name to its bit, by the length of the name. */
const singleByLength: (Map<string, number> | undefined)[] = []
for (const [index, name] of single.entries()) {
  const candidates = singleByLength[name.length] ?? new Map<string, number>()
  singleByLength[name.length] = candidates.set(name, 1 << index)
}
