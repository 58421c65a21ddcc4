import type { IncomingMessage } from 'node:http'

// Enough for every form and order of the demo.
const maxBytes = 4096

/** The body as text. @throws Error when it is longer than 4 KiB */
export async function readText(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new Error('the body is too long')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The body as form fields. @throws Error when it is longer than 4 KiB */
export async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  return new URLSearchParams(await readText(req))
}
