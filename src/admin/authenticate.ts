import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { AdminToken } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

/** Wrong tokens in one second, of all callers together, that are still told to be wrong. More is no typing error. */
const wrongPerSecond = 5

export interface AuthenticateDeps {
  readonly tokens: readonly AdminToken[]
  readonly now: () => number
}

/**
 * Creates the check of `Authorization: Bearer <token>` (RFC 6750 §2.1), the only credential of the admin port.
 *
 * However many wrong tokens came, the right one is let in: otherwise whoever reaches the port could keep an
 * administrator from ending a stolen session. What holds against guessing is the length that the configuration asks for.
 *
 * @returns a function from a request to the id of its token
 * @throws {GatewayError} `not_signed_in`, or `too_many_requests` when many wrong ones come
 */
export function createAuthenticate({ tokens, now }: AuthenticateDeps): (req: IncomingMessage) => string {
  const known = tokens.map(({ id, token }) => ({ id, digest: digest(token) }))
  const isTooMany = createBrake(now)

  return function authenticate(req) {
    const [, presented] = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(req.headers.authorization ?? '') ?? []
    if (presented === undefined) throw unauthorized('no bearer token')

    const id = find(digest(presented))
    if (id !== null) return id
    if (isTooMany()) throw new GatewayError('too_many_requests', 'too many wrong admin tokens')
    throw unauthorized('a token that is none of admin.tokens')
  }

  /** Looks at all of them, each for the same time: how long it takes says nothing of how near a guess was. */
  function find(presented: Buffer): string | null {
    let found: string | null = null
    for (const one of known) if (timingSafeEqual(one.digest, presented)) found = one.id
    return found
  }
}

/** Counts what goes wrong within one second of the clock; true beyond what is put up with. */
function createBrake(now: () => number): () => boolean {
  let second = 0
  let wrong = 0
  return function isTooMany() {
    const current = Math.floor(now() / 1000)
    if (current !== second) wrong = 0
    second = current
    wrong++
    return wrong > wrongPerSecond
  }
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function unauthorized(message: string): GatewayError {
  return new GatewayError('not_signed_in', message, { headers: { 'www-authenticate': 'Bearer' } })
}
