import { createServer, request as forward } from 'node:http'
import type { AddressInfo } from 'node:net'
import { decodeJwt } from 'jose'
import request, { type Response } from 'supertest'

export interface Peer {
  readonly port: number
  readonly host: string
}

/** Posts a logout token as a provider does: a form, no cookie, no Fetch Metadata. */
export async function postLogout(gateway: Peer, token: string, { provider = 'main', address = '' } = {}): Promise<Response> {
  const call = request(`http://127.0.0.1:${gateway.port}`).post(`/auth/backchannel-logout/${provider}`).set('host', gateway.host)
  // Of use where the gateway trusts a proxy on the loopback.
  if (address !== '') call.set('x-forwarded-for', address)
  return await call.type('form').send(new URLSearchParams({ logout_token: token }).toString())
}

/** The provider's name for the session that it gave the last ID token for. */
export function lastSid(idp: { readonly issued: ReadonlySet<string> }): string {
  for (const token of [...idp.issued].reverse()) {
    const sid = token.split('.').length === 3 ? decodeJwt(token).sid : undefined
    if (typeof sid === 'string') return sid
  }
  throw new Error('no ID token with a sid was issued')
}

export interface ReverseProxy {
  readonly origin: string
  /** Where requests go from now on. */
  lead(gateway: Peer): void
  close(): Promise<void>
}

/** What stands between a provider and a gateway that answers to another name. */
export async function startReverseProxy(): Promise<ReverseProxy> {
  let target: Peer | undefined
  const server = createServer((req, res) => {
    if (target === undefined) return void res.writeHead(502).end()
    const { method, url, headers } = req
    const options = { host: '127.0.0.1', port: target.port, method, path: url, headers: { ...headers, host: target.host } }
    req.pipe(
      forward(options, answer => {
        res.writeHead(answer.statusCode ?? 502, answer.headers)
        answer.pipe(res)
      }),
    )
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lead(gateway) {
      target = gateway
    },
    close() {
      server.closeAllConnections()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}
