import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/**
 * What the address means in which a browser ended that could not reach this machine.
 *
 * @returns its parameters; null when it is no such address
 */
export function readPasted(line: string, redirectUri: string): URLSearchParams | null {
  const text = line.trim()
  if (!text.startsWith(`${redirectUri}?`)) return null
  return URL.parse(text)?.searchParams ?? null
}

export interface PasteOptions {
  readonly input: Readable
  readonly redirectUri: string
  readonly isOurs: (params: URLSearchParams) => boolean
  /** Told when a line was something else. */
  readonly remark: (sentence: string) => void
  readonly signal: AbortSignal
}

/** Reads lines until one is the address with our answer. Never resolves when the input ends before that. */
export function waitForPaste({ input, redirectUri, isOurs, remark, signal }: PasteOptions): Promise<URLSearchParams> {
  const lines = createInterface({ input, terminal: false })
  const found = Promise.withResolvers<URLSearchParams>()
  signal.addEventListener('abort', stop, { once: true })
  lines.on('line', line => {
    if (line.trim() === '') return
    const params = readPasted(line, redirectUri)
    if (params !== null && isOurs(params)) {
      stop()
      found.resolve(params)
    } else
      remark(
        params === null
          ? `That is not the address: it begins with ${redirectUri}?`
          : 'That address belongs to another sign-in: this one goes on waiting.',
      )
  })

  function stop(): void {
    signal.removeEventListener('abort', stop)
    lines.close()
    // A terminal that is still read keeps the process alive.
    input.pause()
  }
  return found.promise
}
