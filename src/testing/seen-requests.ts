import { createServer, type IncomingHttpHeaders, type IncomingMessage, type RequestListener } from 'node:http'
import { decodeJwt, type JWTPayload } from 'jose'
import { type Listening, listenAnywhere } from './listening.ts'

/** A request as it reached the upstream. */
export interface SeenRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** The bearer token that came along; null when none did. */
  readonly token: string | null
  /** What the token says, where it is a JWT; null otherwise. Its signature was not looked at. */
  readonly claims: JWTPayload | null
}

export interface TestUpstream extends Listening {
  /** What arrived, in order. */
  readonly requests: readonly SeenRequest[]
}

/** Starts an upstream that notes what arrives and leaves the answer to `answer`. */
export async function startTestUpstream(answer: RequestListener): Promise<TestUpstream> {
  const requests: SeenRequest[] = []
  const server = createServer((req, res) => {
    requests.push(note(req))
    answer(req, res)
  })
  return { ...(await listenAnywhere(server)), requests }
}

function note({ method = '', url = '', headers }: IncomingMessage): SeenRequest {
  const token = /^Bearer (\S+)$/i.exec(headers.authorization ?? '')?.[1] ?? null
  return { method, url, headers, token, claims: token === null ? null : readClaims(token) }
}

function readClaims(token: string): JWTPayload | null {
  try {
    return decodeJwt(token)
  } catch {
    return null
  }
}
