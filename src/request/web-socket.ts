import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { RequestHead } from '../http/request-head.ts'
import { asksForWebSocket, expectedAccept } from '../http/web-socket-handshake.ts'
import type { Audit } from '../ops/audit.ts'
import { type Trail, trailFields } from '../ops/trail.ts'
import type { Caller } from './caller.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import type { OpenSockets } from './open-sockets.ts'
import type { TunnelEnd } from './tunnel.ts'

export interface WebSocketDeps {
  readonly sockets: OpenSockets
  readonly audit: Audit
}

/** A handshake that was let in, on a connection that the server has let go of. */
export interface Handshake {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  readonly socket: Socket
  /** What the client has sent behind it. */
  readonly head: Buffer
  readonly route: RouteRule
  readonly caller: Caller
  readonly trail: Trail
}

type Upgraded = Extract<ForwardOutcome, { readonly result: 'upgraded' }>

/** What a client does to have its socket ended, as the audit calls it. */
const refusals: Readonly<Partial<Record<TunnelEnd, { readonly code: string; readonly reason: string }>>> = {
  frame_protocol: { code: 'bad_request', reason: 'frame_protocol' },
  frame_rate: { code: 'too_many_requests', reason: 'frame_rate' },
  message_too_large: { code: 'body_too_large', reason: 'message_too_large' },
}

/** The stages that only the handshake of a WebSocket goes through. */
export function createWebSocketStages({ sockets, audit }: WebSocketDeps) {
  return {
    /** @throws {GatewayError} `bad_request` where the route lets none through, and for what is no handshake */
    admitHandshake(req: RequestHead, route: RouteRule): void {
      if (!asksForWebSocket(req))
        throw new GatewayError('bad_request', 'an upgrade to something else than WebSocket', { reason: 'upgrade' })
      if (route.websocket === null) throw noWebSocket()
      expectedAccept(req.headers)
    },

    /** None of our own endpoints speaks it. */
    refuseOwn(): never {
      throw noWebSocket()
    },

    /** @throws {GatewayError} `too_many_requests` */
    admitSocket: ({ signedIn }: Caller) => sockets.admit(signedIn),

    /**
     * Tells the client that the upstream has switched, and passes frames until the end.
     *
     * @throws {GatewayError} only while nothing has been answered: `upstream_invalid_response`, `too_many_requests`
     */
    async tunnel(handshake: Handshake, upgraded: Upgraded): Promise<ForwardOutcome> {
      const { req, res, socket: client, head, route, caller, trail } = handshake
      const { fields, headers, socket: upstream, pool } = upgraded
      try {
        checkSwitch(fields, expectedAccept(req.headers))
        // Others may have been opened while the upstream was waited for.
        sockets.admit(caller.signedIn)
        res.statusCode = 101
        res.detachSocket(client)
        client.write(headOf(headers), 'latin1')
        // Not before: an upstream that does not switch must not see it (WS-07).
        if (head.length > 0) client.unshift(head)
        const end = await sockets.open({
          client,
          upstream,
          signedIn: caller.signedIn,
          hasExtensions: fields['sec-websocket-extensions'] !== undefined,
          maxMessageBytes: route.limits.bodyBytes,
          isActivity: route.websocket?.activity === 'frames',
        })
        return outcomeOf(end, trail, pool.address)
      } catch (error) {
        upstream.destroy()
        throw error
      } finally {
        pool.active--
      }
    },
  }

  /** What the client did wrong is told here, what the upstream did by whoever gets the outcome. */
  function outcomeOf(end: TunnelEnd, trail: Trail, upstream: string): ForwardOutcome {
    const refusal = refusals[end]
    if (refusal !== undefined) {
      trail.outcome = refusal.code
      audit('refusal', { ...trailFields(trail), ...refusal, outcome: 'refused' })
    }
    if (end !== 'upstream_cut') return { result: 'answered', status: 101 }
    const error = new GatewayError('upstream_invalid_response', 'the upstream left an open WebSocket, or sent what is no frame')
    return { result: 'cut', status: 101, error, upstream }
  }
}

function noWebSocket(): GatewayError {
  return new GatewayError('bad_request', 'no WebSocket is let through here', { reason: 'no_websocket' })
}

/** RFC 6455 §4.1: a server that does not know WebSocket cannot have made this answer. */
function checkSwitch(fields: Upgraded['fields'], accept: string): void {
  if (String(fields.upgrade).toLowerCase() === 'websocket' && fields['sec-websocket-accept'] === accept) return
  throw new GatewayError('upstream_invalid_response', 'the upstream switched to something else than this WebSocket', {
    reason: 'websocket_accept',
  })
}

/** Written by hand, for Node's own answers end with their head. */
function headOf(headers: readonly string[]): string {
  let head = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  for (let i = 0; i < headers.length; i += 2) head += `${headers[i]}: ${headers[i + 1]}\r\n`
  return `${head}\r\n`
}
