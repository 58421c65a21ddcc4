import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { CommandError, exitCode } from '../terminal.ts'
import { type Ending, finishHeaders, finishPage } from './finish-page.ts'

const host = '127.0.0.1'
const callbackPath = '/callback'
const donePath = '/done'
// A code is 43 characters and a state too; the rest is the issuer.
const maxBodyBytes = 8192
// The browser follows to the last page at once, or was closed.
const lingerMs = 2000

/** A listener on this machine that the browser brings the answer of a sign-in to (RFC 8252 §7.3). */
export interface Loopback {
  readonly port: number
  readonly redirectUri: string
  /** The first answer that is ours. Never rejects: what is not ours is told so, and does not matter. */
  readonly answer: Promise<URLSearchParams>
  /** Shows the browser how it ended, and closes; resolves when nothing listens any more. */
  finish(ending: Ending): Promise<void>
  /** Closes at once. */
  close(): Promise<void>
}

export interface LoopbackOptions {
  readonly gateway: string
  /** 0: any that is free. */
  readonly port: number
  /** Whether an answer is to the attempt that is under way. */
  readonly isOurs: (params: URLSearchParams) => boolean
}

/**
 * Listens on 127.0.0.1, and nowhere else. Any program of this machine, and any page by a link, can send something
 * here: only what holds our state counts, and nothing else ends the sign-in (NAT-34).
 *
 * @throws {CommandError} 1 when the port is taken, or no port can be had
 */
export async function listenOnLoopback({ gateway, port, isOurs }: LoopbackOptions): Promise<Loopback> {
  let waiting: ServerResponse | null = null
  let ending: Ending | null = null
  const answer = Promise.withResolvers<URLSearchParams>()
  const doneShown = Promise.withResolvers<void>()

  const server = createServer({ maxHeaderSize: 16 * 1024, requestTimeout: 10_000 }, (req, res) => {
    serve(req, res).catch(() => refuse(res, 400, 'That could not be read.'))
  })
  await listen()
  const { port: bound } = server.address() as AddressInfo
  const authority = `${host}:${bound}`

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = URL.parse(req.url ?? '', `http://${authority}`)
    // A name that leads here (DNS rebinding) is not this address.
    if (req.headers.host !== authority || url === null) return refuse(res, 400, 'This is not for here.')
    if (url.pathname === donePath && ending !== null && req.method === 'GET') {
      res.writeHead(200, finishHeaders).end(finishPage(gateway, ending), () => doneShown.resolve())
      return
    }
    if (url.pathname !== callbackPath) return refuse(res, 404, 'There is nothing here.')
    if (req.method !== 'GET' && req.method !== 'POST') return refuse(res, 405, 'That is no way to come here.')
    if (!isNavigation(req)) return refuse(res, 400, 'Only a browser on its way is expected here.')
    const params = req.method === 'GET' ? url.searchParams : await readForm(req)
    if (params === null || waiting !== null || ending !== null || !isOurs(params))
      return refuse(res, 400, 'This is not the answer that your terminal waits for. It goes on waiting.')
    waiting = res
    answer.resolve(params)
  }

  function listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) => reject(cannotListen(port, error.code ?? error.message)))
      server.listen(port, host, resolve)
    })
  }

  function close(): Promise<void> {
    return new Promise(resolve => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  }

  return {
    port: bound,
    redirectUri: `http://${authority}${callbackPath}`,
    answer: answer.promise,
    async finish(how) {
      ending = how
      if (waiting !== null) {
        // Away from the address that holds the code, so that neither reload nor history sends it again.
        waiting.writeHead(303, { ...finishHeaders, location: donePath }).end()
        const linger = Promise.withResolvers<void>()
        const timer = setTimeout(linger.resolve, lingerMs)
        await Promise.race([doneShown.promise, linger.promise])
        clearTimeout(timer)
      }
      await close()
    },
    close,
  }
}

/** What browsers say of a navigation, where they say it at all: no image, frame or script brings an answer. */
function isNavigation({ headers }: IncomingMessage): boolean {
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-dest': dest = 'document' } = headers
  return mode === 'navigate' && dest === 'document'
}

/** @returns null for what is no form, or too long */
async function readForm(req: IncomingMessage): Promise<URLSearchParams | null> {
  if (!/^application\/x-www-form-urlencoded\b/i.test(req.headers['content-type'] ?? '')) return null
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) return null
    chunks.push(chunk)
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

function refuse(res: ServerResponse, status: number, sentence: string): void {
  res.writeHead(status, { ...finishHeaders, 'content-type': 'text/plain; charset=utf-8' }).end(`${sentence}\n`)
}

function cannotListen(port: number, code: string): CommandError {
  if (code === 'EADDRINUSE')
    return new CommandError(`port ${port} of this machine is taken: leave --port out, and a free one is found`, exitCode.other)
  if (code === 'EACCES') return new CommandError(`this user may not listen on port ${port}: take one above 1023`, exitCode.other)
  return new CommandError(`this machine lets nothing listen on ${host} (${code}): use --device`, exitCode.other)
}
