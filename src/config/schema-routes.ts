import { METHODS } from 'node:http'
import { z } from 'zod'
import { nearestName } from './nearest.ts'
import { assertion } from './schema-assertion.ts'
import { claimDemands, claimName, scopes } from './schema-provider.ts'
import { token } from './schema-token.ts'
import { upstream } from './schema-upstream.ts'
import { distinct, duration, flag, judgedText, oneOrMore, origin, path, size, text, whole } from './schema-values.ts'

const method = () =>
  judgedText(value => {
    if (value === 'TRACE' || value === 'CONNECT') return 'never passes the gateway: remove it'
    if (METHODS.includes(value)) return null
    const nearest = nearestName(value, METHODS)
    return `must be an HTTP method in upper case${nearest === undefined ? '' : `; did you mean ${nearest}?`}`
  })

const demands = () =>
  z.strictObject({
    scopes: scopes().default([]).describe('Scopes that the provider must have granted, all of them.'),
    claims: claimDemands().default({}).describe('Claim name to the values of which one is enough; every claim named must fit.'),
    acr: oneOrMore(authenticationContext())
      .default([])
      .describe('Authentication contexts of which one is enough; otherwise a step-up is asked for.'),
    maxAge: duration('1s', '30d').optional().describe('How long ago the person may have signed in (duration). Without it: any time.'),
  })

const rate = () => whole(1, 1_000_000)

const rates = () =>
  z
    .strictObject({
      session: rate().optional().describe('Requests a minute from each session. Without it: any number.'),
      user: rate().optional().describe('Requests a minute from all sessions of a user together. Without it: any number.'),
      address: rate().optional().describe('Requests a minute from each client address, of IPv6 from each /64. Without it: any number.'),
      route: rate().optional().describe('Requests a minute from everybody together. Without it: any number.'),
    })
    .refine(limits => Object.keys(limits).length > 0, { error: 'must have at least one limit' })

/** One path prefix with its upstream and its rules. */
export const route = () =>
  z.strictObject({
    path: path().describe('Prefix on segment borders, case-sensitive: /api is /api and /api/…, not /apis.'),
    kind: z
      .enum(['page', 'api'])
      .optional()
      .describe(
        'page: people navigate to it, and are sent to sign in; api: answers 401. Without it: api when a token is attached, else page.',
      ),
    origin: oneOrMore(text()).optional().describe('The configured origins that it is served on, one or a list. Without it: all.'),
    methods: distinct(method()).min(1).optional().describe('Methods that pass, in upper case. Without it: all but TRACE and CONNECT.'),
    upstream: upstream()
      .optional()
      .describe(
        'Where requests go: an origin (http or https, without a path), unix:/path/to.sock, a list of them, or a map of what follows. Required, unless forwardAuth is configured: then a route without it is served by the proxy alone.',
      ),
    stripPrefix: flag().prefault(false).describe('Asks the upstream without the path of the route: /api/orders/7 becomes /7.'),
    preserveHost: flag().prefault(false).describe("Sends the Host that browsers see instead of the upstream's own."),
    encodedSlash: z
      .enum(['refuse', 'pass'])
      .default('refuse')
      .describe('What happens to %2F in a path; pass leaves the bytes as they are.'),
    access: z
      .enum(['signed-in', 'optional', 'anyone'])
      .default('signed-in')
      .describe('signed-in needs a session; optional uses one where there is one; anyone never reads it.'),
    require: demands().prefault({}).describe('What the session must have, beyond being there. Only with access: signed-in.'),
    token: token()
      .default('none')
      .describe(
        "Attaches a token as Authorization: Bearer: access, the sign-in's own; id_token, its ID token; or one of those below. passthrough leaves the client's own header as it is, with access: anyone alone.",
      ),
    identityHeaders: z
      .record(headerName(), claimName())
      .default({})
      .describe(
        'Header name to the claim that it carries; sub and provider are always there, client_id and act where a program acts. Not with access: anyone.',
      ),
    assertion: assertion()
      .optional()
      .describe(
        'Tells the upstream who is signed in by X-Auth-Assertion too, a JWT of 60 seconds. Not with access: anyone. Without it: no such header.',
      ),
    setHeaders: z
      .record(headerName(), headerValue())
      .default({})
      .describe('Header name to a fixed value, set on every request to the upstream.'),
    timeouts: z
      .strictObject({
        connect: duration('10ms', '60s').prefault('2s').describe('How long connecting to the upstream may take (duration).'),
        headers: duration('10ms', '1h').prefault('30s').describe('How long the upstream may take to begin its answer (duration).'),
        idle: duration('10ms', '24h')
          .prefault('60s')
          .describe('How long the answer may stand still (duration); does not count for event streams.'),
      })
      .prefault({})
      .describe('How long to wait for the upstream.'),
    limits: z
      .strictObject({
        body: size('100GiB')
          .prefault('10MiB')
          .describe('Largest request body, and largest message from the client over a WebSocket (size).'),
        perMinute: z
          .union([rate(), rates()], { error: 'must be a whole number, or a map of session, user, address and route' })
          .optional()
          .describe(
            'Requests a minute, in all replicas together: a number for each session, or each client address where there is none; or a map of what follows. Without it: as many as come.',
          ),
      })
      .prefault({})
      .describe('What a request may be at most, and how many of them may come.'),
    websocket: z
      .strictObject({
        origins: distinct(origin())
          .default([])
          .describe('Origins whose pages may open one, beside those that the route is served on, each for itself.'),
        activity: z
          .enum(['handshake', 'frames'])
          .default('handshake')
          .describe('What keeps the session from falling idle: opening one, or also the messages that the client sends.'),
      })
      .optional()
      .describe('Lets WebSockets through; {} is enough. Without it: a handshake is refused.'),
  })

export type RouteOptions = z.output<ReturnType<typeof route>>

// Those that frame the message or belong to one connection (RFC 9110 §7.6.1), those that the gateway itself sets,
// and those by which upstreams take a request for another than the one that was authorised (HDR-12).
const ownHeaders = new Set([
  ...[
    'connection',
    'keep-alive',
    'proxy-connection',
    'te',
    'trailer',
    'transfer-encoding',
    'upgrade',
    'proxy-authorization',
    'proxy-authenticate',
  ],
  ...[
    'host',
    'content-length',
    'expect',
    'authorization',
    'cookie',
    'set-cookie',
    'forwarded',
    'via',
    'x-auth-assertion',
    'x-request-id',
    'traceparent',
    'tracestate',
  ],
  ...['x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-prefix'],
  ...['x-original-url', 'x-rewrite-url', 'x-http-method-override', 'x-http-method', 'x-method-override'],
])

/** They go to the provider in one list with spaces between (OpenID Connect Core §3.1.2.1). */
function authenticationContext() {
  return judgedText(value => (/^[\x21-\x7e]{1,255}$/.test(value) ? null : 'must be one context, of visible ASCII without spaces'))
}

function headerName() {
  return judgedText(name => {
    if (ownHeaders.has(name.toLowerCase())) return 'is a header that the gateway itself manages: choose another name'
    // Servers that turn headers into variables take `_` and `.` for `-`, so two spellings would be one header (CVE-2025-64484).
    if (/[_.]/.test(name)) return 'must be written with - in place of _ and .'
    return /^[A-Za-z0-9-]{1,100}$/.test(name) ? null : 'must be a header name of letters, digits and -'
  })
}

function headerValue() {
  return z
    .string()
    .max(4000)
    .regex(/^[\x21-\x7e]+([\t ]+[\x21-\x7e]+)*$|^$/, { error: 'must be one line of plain ASCII without spaces at its ends' })
}
