import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Tells a client that waits before it sends a body (`Expect: 100-continue`, RFC 9110 §10.1.1) that it may: for whoever
 * is about to read it. A request that is refused before gets its answer alone, and Node closes the connection after it.
 */
export function letBodyCome(req: IncomingMessage, res: ServerResponse): void {
  // Node has refused every other expectation, and HTTP/1.0 knows none.
  if (req.headers.expect === undefined || req.httpVersionMinor === 0 || res.headersSent) return
  // Where the gateway is a guest in another server, Node may have told it already.
  if ((res as ServerResponse & { _sent100?: boolean })._sent100 !== true) res.writeContinue()
}
