import type { RequestListener, ServerResponse } from 'node:http'
import type { DocumentedPath } from './documented-path.ts'
import { type Answer, isRefusal, judgeAnswer } from './openapi.ts'

/**
 * What was found, told at the end of the process and not where a gateway is closed: after a hook that throws node:test runs
 * no other, and what those would have closed keeps the process alive for ever.
 */
const faults = new Set<string>()
process.once('exit', () => {
  if (faults.size === 0) return
  process.exitCode = 1
  console.error(`not as config/openapi.yaml has it:\n${[...faults].join('\n')}`)
})

/**
 * Looks at every answer of a listener: those of our own endpoints against config/openapi.yaml, and errors of ours on
 * routes for their form. What routes answer otherwise is their upstream's, and left alone. Where anything is not as
 * described, the process ends with 1, by which node:test fails the file.
 */
export function watchAnswers(handler: RequestListener, documentedPath: DocumentedPath): RequestListener {
  return function watch(req, res) {
    const { writeHead } = res
    const method = req.method ?? ''
    const [asked = ''] = (req.url ?? '').split('?')
    const path = documentedPath(req.headers.host ?? '', asked)
    // From the start: Node writes the head from within the end, which would be too late to hear of the body.
    const body = path === null ? null : collectBody(res)
    res.writeHead = ((...args: readonly unknown[]) => {
      const headers = headersOf(res, args)
      if (path !== null || headers['sallyport-error'] !== undefined) {
        const read = body ?? collectBody(res)
        const status = Number(args[0])
        res.once('finish', () => judge(path, { method, path: path ?? asked, status, headers, body: read() }))
      }
      return Reflect.apply(writeHead, res, args) as ServerResponse
    }) as typeof writeHead
    handler(req, res)
  }
}

function judge(path: string | null, answer: Answer): void {
  const fault = path === null ? judgeRefusal(answer) : judgeAnswer(answer)
  if (fault !== null) faults.add(fault)
}

/** On a route. */
function judgeRefusal(answer: Answer): string | null {
  return isRefusal(answer) ? null : `${answer.method} ${answer.path} ${answer.status}: no form of an error`
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
