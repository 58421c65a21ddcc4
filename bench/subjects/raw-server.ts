import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Dispatcher, Pool } from 'undici'

// The program that raw.ts starts: what Node itself can do. It copies headers, sets Authorization and X-Forwarded-*, and
// asks whether the client is still there, without which it would not live long (docs/decisions/007).

const { PORT, UPSTREAM_PORT, TOKEN } = process.env
const pool = new Pool(`http://127.0.0.1:${UPSTREAM_PORT}`, { connections: 64, pipelining: 1, bodyTimeout: 0 })
const authorization = `Bearer ${TOKEN}`
const notCopied = new Set(['host', 'connection', 'cookie', 'keep-alive', 'transfer-encoding', 'authorization'])
// As in the gateway: a short body that comes in one piece leaves with the head.
const smallBodyBytes = 4096

createServer((req, res) => {
  const hasBody = req.method !== 'GET' && req.method !== 'HEAD'
  const request = { path: req.url ?? '/', method: req.method ?? 'GET', headers: upstreamHeaders(req), body: hasBody ? req : null }
  pool.dispatch(request as Dispatcher.DispatchOptions, new Passing(res))
}).listen(Number(PORT), '127.0.0.1')

class Passing implements Dispatcher.DispatchHandler {
  readonly #res: ServerResponse
  #controller: Dispatcher.DispatchController | null = null
  #length = -1

  constructor(res: ServerResponse) {
    this.#res = res
    res.once('close', this.#leave)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (this.#res.destroyed) this.#leave()
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, fields: Record<string, string | string[] | undefined>): void {
    const list: string[] = []
    for (const name in fields) {
      const value = fields[name]
      if (value === undefined || notCopied.has(name)) continue
      if (typeof value === 'string') list.push(name, value)
      else for (const line of value) list.push(name, line)
    }
    this.#length = Number(fields['content-length'] ?? -1)
    this.#res.writeHead(status, list)
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (chunk.length === this.#length && chunk.length <= smallBodyBytes) {
      this.#res.end(chunk.toString('latin1'), 'latin1')
    } else if (!this.#res.write(chunk)) {
      controller.pause()
      this.#res.once('drain', () => controller.resume())
    }
  }

  onResponseEnd(): void {
    this.#res.off('close', this.#leave)
    this.#res.end()
  }

  onResponseError(): void {
    this.#res.destroy()
  }

  readonly #leave = (): void => {
    this.#controller?.abort(new Error('the client has left'))
  }
}

function upstreamHeaders({ rawHeaders, headers, socket }: IncomingMessage): string[] {
  const list = ['authorization', authorization, 'x-forwarded-for', socket.remoteAddress ?? '']
  list.push('x-forwarded-host', headers.host ?? '', 'x-forwarded-proto', 'https')
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!notCopied.has(name.toLowerCase())) list.push(name, rawHeaders[i + 1] ?? '')
  }
  return list
}
