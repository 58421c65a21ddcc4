import type { RequestListener, ServerResponse } from 'node:http'
import type { Metrics } from './metrics.ts'

export interface ProbesDeps {
  readonly metrics: Pick<Metrics, 'health' | 'text' | 'contentType'>
  /** Whether the program takes requests: it listens, and has not been told to stop. */
  readonly isReady: () => boolean
}

/**
 * Creates the listener of the probes port (contract.md section 10): `/livez`, `/readyz`, `/metrics`.
 *
 * Redis and the providers are reported and decide nothing: a replica that is taken out because Redis is away cannot
 * even say so, and all replicas go at once.
 */
export function createProbes({ metrics, isReady }: ProbesDeps): RequestListener {
  return function serve(req, res) {
    const path = (req.url ?? '').replace(/\?.*/s, '')
    if (req.method !== 'GET' && req.method !== 'HEAD') return void res.writeHead(405, { allow: 'GET, HEAD' }).end()
    if (path === '/livez') return sendJson(res, 200, { status: 'alive' })
    if (path === '/readyz') {
      const isIn = isReady()
      return sendJson(res, isIn ? 200 : 503, { status: isIn ? 'ready' : 'not_ready', ...metrics.health() })
    }
    if (path === '/metrics') return void sendMetrics(res)
    res.writeHead(404).end()
  }

  async function sendMetrics(res: ServerResponse): Promise<void> {
    const text = await metrics.text()
    res.writeHead(200, { 'content-type': metrics.contentType, 'cache-control': 'no-store' }).end(text)
  }
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}
