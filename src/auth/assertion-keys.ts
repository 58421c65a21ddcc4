import { createPublicKey } from 'node:crypto'
import type { RequestHandler } from 'express'
import type { AssertionKey } from '../config/config.ts'

/**
 * GET /.well-known/sallyport-jwks.json: the public halves of the keys that sign X-Auth-Assertion, those that sign and
 * those that did or will (RFC 7517 §5). The same for everybody: no cookie and no store has a part in it.
 */
export function createAssertionKeys(keys: readonly AssertionKey[]): RequestHandler {
  const body = Buffer.from(JSON.stringify({ keys: keys.map(publicKeyOf) }))

  return function assertionKeys(_req, res) {
    // Five minutes: a new key has to be known everywhere before it signs, and docs/operations.md says to wait for longer.
    res.set({ 'cache-control': 'public, max-age=300', 'content-type': 'application/jwk-set+json' }).send(body)
  }
}

/** Member by member, so that nothing private can come along. */
function publicKeyOf({ id, key }: AssertionKey) {
  const { kty, crv, x, y } = createPublicKey(key).export({ format: 'jwk' })
  return { kty, crv, x, y, kid: id, use: 'sig', alg: 'ES256' }
}
