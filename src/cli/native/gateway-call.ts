import { printable } from '../../config/mistakes.ts'
import { CommandError, exitCode, UsageError } from '../terminal.ts'

/** As an authorization server or the gateway itself answered. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  /** The JSON object in the body; empty for anything else. */
  readonly body: Readonly<Record<string, unknown>>
}

export interface CallOptions {
  /** Sent as a form (RFC 6749 §4.1.3). Makes the call a POST. */
  readonly form?: Readonly<Record<string, string>>
  /** Sent as the Bearer credential. */
  readonly handle?: string
  readonly method?: 'GET' | 'POST' | 'DELETE'
  /** Ends the call when the person has given up. */
  readonly signal?: AbortSignal
}

// Longer than a gateway takes whose IdP is slow to answer (5 s).
const timeoutMs = 15_000
// Far more than the longest list of sessions.
const maxBodyBytes = 4 * 1024 * 1024

/**
 * Calls the gateway once. A redirect is not followed: what is sent is for this address.
 *
 * @throws {CommandError} 6 when it cannot be reached, its certificate is not believed, or it does not answer
 */
export async function callGateway(url: string, options: CallOptions = {}): Promise<Answer> {
  const { form, handle, signal } = options
  assertVerifying()
  const headers = {
    accept: 'application/json',
    'user-agent': 'sallyport-cli',
    ...(handle === undefined ? {} : { authorization: `Bearer ${handle}` }),
  }
  const timeout = AbortSignal.timeout(timeoutMs)
  try {
    const response = await fetch(url, {
      method: options.method ?? (form === undefined ? 'GET' : 'POST'),
      headers,
      redirect: 'manual',
      signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
      ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
    })
    return { status: response.status, headers: response.headers, body: parseObject(await readText(response)) }
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason
    if (error instanceof CommandError) throw error
    throw new CommandError(`${new URL(url).origin} cannot be reached: ${describeTrouble(error)}`, exitCode.unreachable)
  }
}

async function readText({ body, url }: Response): Promise<string> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body ?? []) {
    bytes += chunk.length
    if (bytes > maxBodyBytes)
      throw new CommandError(`${new URL(url).origin} answers with more than 4 MiB, as no gateway does`, exitCode.unreachable)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** A text of the answer; empty when it is missing or something else. */
export function textOf(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name]
  return typeof value === 'string' ? value : ''
}

/** As `sallyport serve` does: what is never checked cannot be trusted with a credential. */
function assertVerifying(): void {
  if (process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0')
    throw new UsageError(
      'NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of certificates: unset it, and name a private CA in NODE_EXTRA_CA_CERTS',
    )
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** A sentence that says what to do, with the system's code where there is one. */
function describeTrouble(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `it did not answer within ${timeoutMs / 1000} s`
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const advice = troubles[code]
  if (advice !== undefined) return `${advice} (${code})`
  // `bad port` for instance: fetch does not go to all of them.
  const words = cause instanceof Error ? printable(cause.message) : 'unknown error'
  return `the connection failed (${code === '' ? words : code})`
}

const untrusted = "its certificate is not one that this machine trusts; an organisation's own CA is named in NODE_EXTRA_CA_CERTS"
const wrongTime = "its certificate is not valid at this machine's time: is the clock right?"
const troubles: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is the address right, and does the gateway run?',
  ECONNRESET: 'the connection was closed; is it an https address?',
  ENOTFOUND: 'there is no such name; is the address right, and the network there?',
  EAI_AGAIN: 'the name cannot be looked up; is the network there?',
  ENETUNREACH: 'there is no network',
  EHOSTUNREACH: 'the machine cannot be reached; is a VPN needed?',
  ETIMEDOUT: 'it does not answer; is a VPN needed?',
  UND_ERR_CONNECT_TIMEOUT: 'it does not answer; is a VPN needed?',
  CERT_HAS_EXPIRED: wrongTime,
  CERT_NOT_YET_VALID: wrongTime,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS on this port',
  EPROTO: 'it does not speak TLS on this port',
}
