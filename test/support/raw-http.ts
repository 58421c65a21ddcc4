import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A response as it was on the wire. */
export interface RawResponse {
  readonly status: number
  /** Name (as sent) and value of each line, in order. */
  readonly lines: readonly (readonly [string, string])[]
  /** The values of a header, whatever its case. */
  all(name: string): string[]
  /** The one value of a header; undefined when there is none. */
  header(name: string): string | undefined
  readonly body: string
  readonly trailers: readonly (readonly [string, string])[]
  /** Whether it ended where its framing says. */
  readonly isComplete: boolean
  json(): Record<string, unknown>
}

/** Nothing on loopback takes this long; a test that waits for it has failed. */
const deadlineMs = 5000

/**
 * Sends bytes to a port and collects what comes back until the peer closes.
 *
 * @param bytes text is sent one byte a character
 */
export async function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  const socket = await openSocket(port)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  return readToEnd(socket)
}

/** Sends one request and reads its answer. `Connection: close` is added, so that the end is the server's. */
export async function exchangeRaw(port: number, head: string, body = ''): Promise<RawResponse> {
  return firstResponse(await sendRaw(port, `${head}\r\nConnection: close\r\n\r\n${body}`))
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Everything up to the end, or to a reset. */
export async function readToEnd(socket: Socket): Promise<string> {
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  const timer = setTimeout(() => socket.destroy(new Error('no end')), deadlineMs)
  if (!socket.closed) await once(socket, 'close')
  clearTimeout(timer)
  return Buffer.concat(chunks).toString('latin1')
}

/** Everything up to the first time that the text so far fits. */
export async function readUntil(socket: Socket, fits: (text: string) => boolean): Promise<string> {
  let text = ''
  const timer = setTimeout(() => socket.destroy(), deadlineMs)
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      text += (chunk as Buffer).toString('latin1')
      if (fits(text)) return text
    }
  } finally {
    clearTimeout(timer)
  }
  throw new Error(`the peer closed after: ${text}`)
}

/** The first response that is not interim. */
export function firstResponse(text: string): RawResponse {
  return responses(text).find(response => response.status >= 200) ?? fail(text)
}

/** All responses in a stream of bytes, interim ones too. */
export function responses(text: string): RawResponse[] {
  const found: RawResponse[] = []
  let rest = text
  while (rest !== '') {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) fail(text)
    const [statusLine = '', ...lines] = rest.slice(0, end).split('\r\n')
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine)?.[1] ?? fail(text))
    const fields = lines.map(splitLine)
    const framed = status < 200 || status === 204 || status === 304 ? none(rest.slice(end + 4)) : readBody(rest.slice(end + 4), fields)
    found.push(describe(status, fields, framed))
    rest = framed.rest
  }
  return found
}

interface Framed {
  readonly body: string
  readonly rest: string
  readonly isComplete: boolean
  readonly trailers: readonly (readonly [string, string])[]
}

const none = (rest: string): Framed => ({ body: '', rest, isComplete: true, trailers: [] })

function readBody(text: string, fields: readonly (readonly [string, string])[]): Framed {
  const value = (wanted: string) => fields.find(([name]) => name.toLowerCase() === wanted)?.[1]
  const length = value('content-length')
  if (length !== undefined) {
    const body = text.slice(0, Number(length))
    return { body, rest: text.slice(Number(length)), isComplete: body.length === Number(length), trailers: [] }
  }
  if (value('transfer-encoding') !== 'chunked') return { body: text, rest: '', isComplete: true, trailers: [] }

  let body = ''
  let at = 0
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = lineEnd === -1 ? Number.NaN : Number.parseInt(text.slice(at, lineEnd), 16)
    if (Number.isNaN(size) || text.length < lineEnd + 2 + size) return { body, rest: '', isComplete: false, trailers: [] }
    if (size === 0) {
      const end = text.indexOf('\r\n\r\n', lineEnd)
      if (end === -1) return { body, rest: '', isComplete: false, trailers: [] }
      const trailers = text
        .slice(lineEnd + 2, end)
        .split('\r\n')
        .filter(line => line !== '')
      return { body, rest: text.slice(end + 4), isComplete: true, trailers: trailers.map(splitLine) }
    }
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}

function describe(status: number, lines: readonly (readonly [string, string])[], framed: Framed): RawResponse {
  const all = (wanted: string) => lines.filter(([name]) => name.toLowerCase() === wanted.toLowerCase()).map(([, value]) => value)
  return { status, lines, all, header: name => all(name)[0], ...framed, json: () => JSON.parse(framed.body) as Record<string, unknown> }
}

function splitLine(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  return [line.slice(0, colon), line.slice(colon + 1).trim()]
}

function fail(text: string): never {
  throw new Error(`not an HTTP response: ${JSON.stringify(text.slice(0, 200))}`)
}
