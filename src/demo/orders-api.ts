import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose'
import { listenAt, type Place, type Running } from './listening.ts'
import { createMcpServer } from './mcp-server.ts'
import { createOrders } from './orders.ts'
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

interface Answer {
  readonly status: number
  readonly body: object
  readonly challenge?: string
}

/**
 * Starts the API behind the gateway. It believes nobody: every request needs a JWT from the provider whose
 * signature, issuer, audience and expiry hold, with the scope for what is asked.
 *
 *   GET /api/orders   lists them (orders.read)      POST /api/orders  adds one (orders.write)
 *   GET /api/ops      totals, for the ops group     (orders.read; the gateway's route asks for the group)
 *   POST /mcp         the same as tools, for MCP clients
 */
export async function startOrdersApi(options: OrdersApiOptions): Promise<Running> {
  const keys = createRemoteJWKSet(options.keySet)
  const orders = createOrders()
  const serveMcp = createMcpServer(orders)

  const server = createServer((req, res) => {
    answer(req, res).catch(() => {
      if (res.headersSent) res.destroy()
      else send(res, { status: 400, body: { error: 'bad_request' } })
    })
  })
  return listenAt(server, options.place)

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const token = /^Bearer (\S+)$/i.exec(req.headers.authorization ?? '')?.[1]
    if (token === undefined) return send(res, { status: 401, body: { error: 'token_missing' }, challenge: 'Bearer' })

    const claims = await verify(token)
    if (claims === null) return send(res, { status: 401, body: { error: 'invalid_token' }, challenge: 'Bearer error="invalid_token"' })

    const scopes = String(claims.scope).split(' ')
    const isMcp = req.url === '/mcp'
    const scope = req.method === 'POST' && !isMcp ? 'orders.write' : 'orders.read'
    if (!scopes.includes(scope)) {
      const challenge = `Bearer error="insufficient_scope", scope="${scope}"`
      return send(res, { status: 403, body: { error: 'insufficient_scope' }, challenge })
    }
    if (isMcp) await serveMcp(req, res, { sub: String(claims.sub), scopes })
    else send(res, await serve(req, claims))
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
    if (route === 'GET /api/orders') return { status: 200, body: { orders: orders.list(), token: describe(claims) } }
    if (route === 'GET /api/ops') return { status: 200, body: { orders_in_all: orders.list().length, asked_by: by } }
    if (route !== 'POST /api/orders') return { status: 404, body: { error: 'not_found' } }

    const order: unknown = JSON.parse(await readText(req))
    const added = orders.add(typeof order === 'object' && order !== null && 'item' in order ? order.item : undefined, by)
    return added === null ? { status: 422, body: { error: 'item_missing' } } : { status: 201, body: { added } }
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
