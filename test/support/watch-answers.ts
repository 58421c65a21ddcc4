import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { resourceMetadataPath } from '../../src/http/handle-challenge.ts'
import { type Answer, isRefusal, judgeAnswer } from './openapi.ts'

/** Answers that were looked at on their way out. */
export interface WatchedAnswers {
  readonly handler: RequestListener
  /** @throws {Error} that lists what config/openapi.yaml does not say; for the end of the test */
  assertDescribed(): void
}

/**
 * Looks at every answer of a listener: those of our own endpoints against config/openapi.yaml, and errors of ours on
 * routes for their form. What routes answer otherwise is their upstream's, and left alone.
 *
 * @param base `paths.base` of the configuration
 * @param isOwn whether a path is one of our endpoints at a host
 */
export function watchAnswers(handler: RequestListener, base: string, isOwn: (path: string, host: string) => boolean): WatchedAnswers {
  const faults = new Set<string>()

  function judge(req: IncomingMessage, status: number, headers: Answer['headers'], body: string): void {
    const path = pathOf(req)
    const answer = {
      method: req.method ?? '',
      path: templated(path.startsWith(`${base}/`) ? `/auth${path.slice(base.length)}` : path),
      status,
      headers,
      body,
    }
    const fault = isOwn(path, req.headers.host ?? '')
      ? judgeAnswer(answer)
      : isRefusal(answer)
        ? null
        : `${answer.method} ${path} ${status}: no form of an error`
    if (fault !== null) faults.add(fault)
  }

  return {
    handler(req, res) {
      const { writeHead } = res
      const isOurs = isOwn(pathOf(req), req.headers.host ?? '')
      // From the start: Node writes the head from within the end, which would be too late to hear of the body.
      const body = isOurs ? collectBody(res) : null
      res.writeHead = ((...args: readonly unknown[]) => {
        const headers = headersOf(res, args)
        if (isOurs || headers['sallyport-error'] !== undefined) {
          const read = body ?? collectBody(res)
          res.once('finish', () => judge(req, Number(args[0]), headers, read()))
        }
        return Reflect.apply(writeHead, res, args) as ServerResponse
      }) as typeof writeHead
      handler(req, res)
    },
    assertDescribed() {
      if (faults.size > 0) throw new Error(`not as config/openapi.yaml has it:\n${[...faults].join('\n')}`)
    },
  }
}

/** A resource has slashes in its path, which no template of OpenAPI takes. */
function templated(path: string): string {
  return path.startsWith(`${resourceMetadataPath}/`) ? `${resourceMetadataPath}/resource` : path
}

function pathOf(req: IncomingMessage): string {
  return (req.url ?? '').split('?')[0] ?? ''
}

/** Those set before, and those given with the head as an object or as name, value, …. */
function headersOf(res: ServerResponse, args: readonly unknown[]): Record<string, string> {
  const headers: Record<string, string> = {}
  const add = (name: string, value: unknown) => {
    headers[name.toLowerCase()] = String(value)
  }
  for (const [name, value] of Object.entries(res.getHeaders())) add(name, value)
  const given = args.find(arg => typeof arg === 'object' && arg !== null)
  if (Array.isArray(given)) for (let i = 0; i < given.length; i += 2) add(String(given[i]), given[i + 1])
  else for (const [name, value] of Object.entries(given ?? {})) add(name, value)
  return headers
}

/** @returns what reads the body, once it has ended */
function collectBody(res: ServerResponse): () => string {
  const chunks: Buffer[] = []
  for (const name of ['write', 'end'] as const) {
    const send = res[name] as (...args: unknown[]) => unknown
    res[name] = ((...args: readonly unknown[]) => {
      const [chunk] = args
      // An event stream may go on for hours.
      if (chunks.length < 100 && (typeof chunk === 'string' || chunk instanceof Uint8Array)) chunks.push(Buffer.from(chunk as string))
      return Reflect.apply(send, res, args)
    }) as never
  }
  return () => Buffer.concat(chunks).toString('utf8')
}
