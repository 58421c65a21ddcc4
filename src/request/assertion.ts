import { sign } from 'node:crypto'
import type { AssertionKey, RouteRule } from '../config/config.ts'
import { actClaim, actorsOf } from '../session/actors.ts'
import type { SignedIn } from '../session/session.ts'

/** How long an assertion holds good (contract.md section 8). */
const lifeSeconds = 60

// Half of the life: a request may wait for a connection for half a minute, and the upstream must still take it then.
const reuseMs = 30_000

/** Bytes of the claims as JSON. With the token and the identity headers the head stays below what upstreams take (HDR-14). */
const maxClaimBytes = 3072

/** Names that mean something in every assertion: no claim of a provider may stand there. */
const ownNames: ReadonlySet<string> = new Set([
  ...['iss', 'aud', 'sub', 'iat', 'exp', 'nbf', 'jti', 'sid', 'provider', 'auth_time', 'acr', 'amr', 'client_id', 'act'],
])

/** The value of X-Auth-Assertion for who is signed in. */
export type Assert = (signedIn: SignedIn) => string

/** What a route asserts; null where it asserts nothing. To be asked once for each route, not for each request. */
export type AssertionFor = (route: RouteRule) => Assert | null

interface Made {
  readonly assertion: string
  /** Epoch ms. */
  readonly madeAt: number
}

/**
 * Creates the makers of X-Auth-Assertion: a JWT that says who a request is for, to one audience, for a minute, so that
 * an upstream need not believe everybody who can reach it (HDR-16).
 *
 * It tells the user, the session, how the person authenticated and who acts for them, and of the claims those that the route's
 * identityHeaders tell anyway. A signature takes some 40 µs, so the same assertion goes along for half of its life: it
 * says who, not that a request is new, and has no `jti`.
 *
 * What is remembered hangs on the very object that the session was opened to: it serves no other person, session or
 * state of the session, and goes with it.
 *
 * @param deps.keys the first signs
 */
export function createAssertionFor(deps: { readonly keys: readonly AssertionKey[]; readonly now: () => number }): AssertionFor {
  const { keys, now } = deps

  return function assertionFor({ assertion, identityHeaders }) {
    if (assertion === null) return null
    const [key] = keys
    if (key === undefined) throw new TypeError('the checks let no assertion pass that nobody signs')
    const { audience } = assertion
    const claimNames = [...new Set(Object.values(identityHeaders))].filter(name => !ownNames.has(name))
    const header = encode({ alg: 'ES256', kid: key.id, typ: 'sallyport-assertion+jwt' })
    const made = new WeakMap<SignedIn, Made>()

    return function assert(signedIn) {
      const at = now()
      const known = made.get(signedIn)
      // A clock that was set back must not leave assertions from the future in use.
      if (known !== undefined && at - known.madeAt < reuseMs && at >= known.madeAt) return known.assertion

      const content = `${header}.${encode(contentOf(signedIn, audience, claimNames, at))}`
      // JWS wants the two numbers of the signature side by side, not in DER (RFC 7518 §3.4).
      const signature = sign('sha256', Buffer.from(content), { key: key.key, dsaEncoding: 'ieee-p1363' })
      const fresh = `${content}.${signature.toString('base64url')}`
      made.set(signedIn, { assertion: fresh, madeAt: at })
      return fresh
    }
  }
}

function contentOf({ sessionId, record, vault }: SignedIn, audience: string, claimNames: readonly string[], now: number): object {
  const issuedAt = Math.floor(now / 1000)
  const act = actClaim(actorsOf(record))
  return {
    ...claimsOf(vault.claims, claimNames),
    // The origin that the session belongs to, which is that of the request.
    iss: record.origin,
    aud: audience,
    sub: record.sub,
    provider: record.provider,
    sid: sessionId,
    auth_time: Math.floor(record.authTime / 1000),
    ...(record.acr === null ? {} : { acr: record.acr }),
    ...(record.amr.length === 0 ? {} : { amr: record.amr }),
    // RFC 8693 §4.3 and §4.1.
    ...(record.client === undefined ? {} : { client_id: record.client.id }),
    ...(act === undefined ? {} : { act }),
    iat: issuedAt,
    exp: issuedAt + lifeSeconds,
  }
}

/** As the provider said them. One that would make the assertion too large is left out whole: half a list would be a lie. */
function claimsOf(claims: SignedIn['vault']['claims'], names: readonly string[]): Readonly<Record<string, unknown>> {
  let bytes = 0
  const told: [string, unknown][] = []
  for (const name of names) {
    const value = Object.hasOwn(claims, name) ? claims[name] : undefined
    if (value === undefined || value === null) continue
    const size = Buffer.byteLength(JSON.stringify(value))
    if (bytes + size > maxClaimBytes) continue
    bytes += size
    told.push([name, value])
  }
  return Object.fromEntries(told)
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
