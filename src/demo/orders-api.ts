import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { listenAt, type Place, type Running } from './listening.ts'
import { readText } from './request-body.ts'

export interface OrdersApiOptions {
  readonly place: Place
  /** The provider whose tokens it takes. */
  readonly issuer: string
  /** Where the provider's keys are. */
  readonly keySet: URL
  /** What its tokens must be made for. */
  readonly audience: string
}

interface Order {
  readonly id: number
  readonly item: string
  readonly by: string
}

interface Answer {
  readonly status: number
  readonly body: object
  readonly challenge?: string
}

// So that a page left open with a script at work does not fill the memory.
const maxOrders = 100

/**
 * Starts the API behind the gateway. It believes nobody: every request needs a JWT from the provider whose
 * signature, issuer, audience and expiry hold, with the scope for what is asked.
 *
 *   GET /api/orders   lists them (orders.read)      POST /api/orders  adds one (orders.write)
 *   GET /api/ops      totals, for the ops group     (orders.read; the gateway's route asks for the group)
 */
export async function startOrdersApi(options: OrdersApiOptions): Promise<Running> {
  const keys = createRemoteJWKSet(options.keySet)
  const orders: Order[] = [
    { id: 1, item: 'Lantern', by: 'alice' },
    { id: 2, item: 'Rope, 20 m', by: 'bob' },
  ]

  const server = createServer((req, res) => {
    answer(req).then(
      result => send(res, result),
      () => send(res, { status: 400, body: { error: 'bad_request' } }),
    )
  })
  return listenAt(server, options.place)

  async function answer(req: IncomingMessage): Promise<Answer> {
    const token = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '')?.[1]
    if (token === undefined) return { status: 401, body: { error: 'token_missing' }, challenge: 'Bearer' }

    const claims = await verify(token)
    if (claims === null) return { status: 401, body: { error: 'invalid_token' }, challenge: 'Bearer error="invalid_token"' }

    const scope = req.method === 'POST' ? 'orders.write' : 'orders.read'
    if (!String(claims.scope).split(' ').includes(scope)) {
      return { status: 403, body: { error: 'insufficient_scope' }, challenge: `Bearer error="insufficient_scope", scope="${scope}"` }
    }
    return serve(req, claims)
  }

  async function verify(token: string): Promise<JWTPayload | null> {
    const { issuer, audience } = options
    return jwtVerify(token, keys, { issuer, audience, algorithms: ['RS256'], typ: 'at+jwt', requiredClaims: ['sub', 'exp'] }).then(
      verified => verified.payload,
      () => null,
    )
  }

  async function serve(req: IncomingMessage, claims: JWTPayload): Promise<Answer> {
    const by = String(claims.sub)
    const route = `${req.method} ${req.url?.split('?')[0]}`
    if (route === 'GET /api/orders') return { status: 200, body: { orders, token: describe(claims) } }
    if (route === 'GET /api/ops') return { status: 200, body: { orders_in_all: orders.length, asked_by: by } }
    if (route !== 'POST /api/orders') return { status: 404, body: { error: 'not_found' } }

    const order: unknown = JSON.parse(await readText(req))
    const item = typeof order === 'object' && order !== null && 'item' in order ? order.item : undefined
    if (typeof item !== 'string' || item.length === 0 || item.length > 80) return { status: 422, body: { error: 'item_missing' } }
    const added = { id: (orders.at(-1)?.id ?? 0) + 1, item, by }
    orders.push(added)
    if (orders.length > maxOrders) orders.shift()
    return { status: 201, body: { added } }
  }
}

/** What the API learned from the token; never the token. */
function describe(claims: JWTPayload) {
  return { sub: claims.sub, aud: claims.aud, scope: claims.scope, expires_in: Math.round((claims.exp ?? 0) - Date.now() / 1000) }
}

function send(res: ServerResponse, { status, body, challenge }: Answer): void {
  if (challenge !== undefined) res.setHeader('www-authenticate', challenge)
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' })
  res.end(JSON.stringify(body))
}
