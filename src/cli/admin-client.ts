import { httpsProblem } from '../config/hosts.ts'
import { printable } from '../config/mistakes.ts'
import { readText } from '../config/outside.ts'
import { CommandError, exitCode, UsageError } from './terminal.ts'

/** How a command is told which admin port, declared for `parseArgs`. The token is no option: others can read a command line. */
export const adminOptions = { admin: { type: 'string' }, 'token-file': { type: 'string' } } as const

/** Longer than a store that is away takes to be noticed. */
const timeoutMs = 15_000

export interface AdminAnswer {
  /** As parsed; undefined when there was none. */
  readonly body: unknown
  /** What the gateway's clock says, epoch milliseconds; NaN when it does not tell. */
  readonly at: number
}

export interface AdminClient {
  /**
   * @param words what to say of an error code in place of the gateway's own words
   * @throws {CommandError} with the exit code of contract.md section 11
   */
  call(method: 'GET' | 'DELETE', path: string, words?: Readonly<Record<string, string>>): Promise<AdminAnswer>
}

/**
 * Reads where the admin port is, and the token for it.
 *
 * @throws {UsageError} for an address over which the token would travel in clear, too
 */
export function openAdmin(given: { readonly admin?: string; readonly 'token-file'?: string }, env: NodeJS.ProcessEnv): AdminClient {
  const origin = readOrigin(given.admin)
  const authorization = `Bearer ${readToken(given['token-file'], env.SALLYPORT_ADMIN_TOKEN)}`

  async function send(method: string, path: string): Promise<{ response: Response; text: string }> {
    try {
      const headers = { authorization, accept: 'application/json', 'user-agent': 'sallyport' }
      // A redirect is not followed: the token is for this address.
      const response = await fetch(origin + path, { method, headers, redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) })
      return { response, text: await response.text() }
    } catch (error) {
      throw new CommandError(`${origin} cannot be reached (${describeCause(error)})`, exitCode.unreachable)
    }
  }

  return {
    async call(method, path, words = {}) {
      const { response, text } = await send(method, path)
      const body = parseJson(text)
      if (!response.ok) throw refusal(origin, response, body, words)
      return { body, at: Date.parse(response.headers.get('date') ?? '') }
    },
  }
}

function readOrigin(admin: string | undefined): string {
  if (admin === undefined) throw new UsageError('which gateway? Give the URL of its admin port: --admin URL')
  const url = URL.parse(admin)
  const problem = httpsProblem(admin)
  if (problem !== null) throw new UsageError(`--admin ${problem}: the token would travel in clear`)
  if (url === null || url.username !== '' || url.password !== '' || url.pathname !== '/' || url.search !== '' || url.hash !== '')
    throw new UsageError('--admin is an address alone, such as http://127.0.0.1:9090')
  return url.origin
}

function readToken(file: string | undefined, variable: string | undefined): string {
  if (file === undefined && variable === undefined)
    throw new UsageError('which token? Give --token-file FILE, or set SALLYPORT_ADMIN_TOKEN')
  const read = file === undefined ? { value: variable ?? '' } : readText(file)
  if ('problem' in read) throw new UsageError(`--token-file: ${read.problem}`)
  const token = read.value.trim()
  if (!/^[\x21-\x7e]+$/.test(token)) throw new UsageError('the token is empty, or is not one line of plain text without spaces')
  return token
}

function refusal(origin: string, response: Response, body: unknown, words: Readonly<Record<string, string>>): CommandError {
  const { status, headers } = response
  const exit = status === 401 || status === 403 ? exitCode.denied : exitCode.other
  const code = headers.get('sallyport-error')
  if (code === null) return new CommandError(`${origin} answers ${status}, and not as the admin port of a gateway does`, exit)
  if (code === 'not_signed_in') return new CommandError('the gateway does not take this token (401 not_signed_in)', exit)
  const title = typeof body === 'object' && body !== null && 'title' in body ? String(body.title) : ''
  return new CommandError(`${words[code] ?? printable(title)} (${status} ${printable(code)})`, exit)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** A code such as ECONNREFUSED where the system has one. */
function describeCause(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  if (!(cause instanceof Error)) return 'unknown error'
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message
}
