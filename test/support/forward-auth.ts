import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { ForwardAuthDialect } from '../../src/config/config.ts'
import type { Gateway } from '../../src/gateway.ts'
import { closeServer, createForwardAuthServer } from '../../src/listeners.ts'
import { exchangeRaw, type RawResponse } from './raw-http.ts'

/** A request that a proxy has got from its client. */
export interface Asked {
  readonly method?: string
  /** As in the request line. */
  readonly target: string
  readonly host?: string
  /** The client's own lines, as it sent them. */
  readonly headers?: readonly string[]
}

export interface ForwardAuthPort {
  readonly port: number
  /** Asks as the dialect's proxy does. */
  ask(asked: Asked): Promise<RawResponse>
  /** Sends a question that a test has written itself: request line and headers. */
  send(head: string, body?: string): Promise<RawResponse>
  close(): Promise<void>
}

/** Opens the forward-auth port of a gateway on loopback. */
export async function openForwardAuth(gateway: Pick<Gateway, 'forwardAuthHandler'>, dialect: ForwardAuthDialect): Promise<ForwardAuthPort> {
  if (gateway.forwardAuthHandler === null) throw new Error('the configuration of this test has no forwardAuth')
  const server = createForwardAuthServer(gateway.forwardAuthHandler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const send = (head: string, body?: string) => exchangeRaw(port, head, body)
  return {
    port,
    send,
    ask: asked => send(questionOf(dialect, asked)),
    async close() {
      server.closeAllConnections()
      await closeServer(server, 0)
    },
  }
}

/**
 * A question as the proxy puts it, with the headers that it adds by itself. Where from: src/request/dialects.ts; for nginx,
 * Caddy and HAProxy test/proxies/ shows that they really do.
 */
export function questionOf(dialect: ForwardAuthDialect, asked: Asked): string {
  const { method = 'GET', target, host = 'app.example.test', headers = [] } = asked
  const client = '198.51.100.7'
  // An absolute target is authority and path to Envoy, as in HTTP/2.
  const absolute = /^https?:\/\/([^/]*)(.*)$/.exec(target)
  const forwarded = [`X-Forwarded-For: ${client}`, `X-Forwarded-Host: ${host}`, 'X-Forwarded-Proto: https']
  const told = [...forwarded, `X-Forwarded-Method: ${method}`, `X-Forwarded-Uri: ${target}`]
  const lines = {
    nginx: [
      'GET /verify HTTP/1.0',
      `Host: ${host}`,
      `X-Original-Method: ${method}`,
      `X-Original-URI: ${target}`,
      `X-Forwarded-For: ${client}`,
      ...headers,
    ],
    traefik: ['GET /verify HTTP/1.1', 'Host: 127.0.0.1:9092', ...headers, ...told, 'X-Forwarded-Port: 443', `X-Real-Ip: ${client}`],
    caddy: ['GET /verify HTTP/1.1', `Host: ${host}`, ...headers, ...told],
    haproxy: ['GET /verify HTTP/1.1', ...headers, ...told, 'host: 127.0.0.1:9092'],
    envoy: [
      `${method} /verify${absolute?.[2] ?? target} HTTP/1.1`,
      `host: ${absolute?.[1] ?? host}`,
      'content-length: 0',
      ...headers,
      `x-forwarded-for: ${client}`,
      'x-envoy-internal: true',
      'x-envoy-expected-rq-timeout-ms: 1000',
    ],
  }
  return lines[dialect].join('\r\n')
}
