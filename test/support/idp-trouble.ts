import type { IncomingMessage, ServerResponse } from 'node:http'

/** The places of a provider that count and misbehave one by one. */
export type Endpoint =
  | 'discovery'
  | 'jwks'
  | 'push'
  | 'authorize'
  | 'interaction'
  | 'token'
  | 'revoke'
  | 'userinfo'
  | 'end_session'
  | 'other'

/**
 * What an endpoint does instead of its work: answers 500, answers 200 with a page, never answers, or
 * whatever a function does with the request.
 */
export type Trouble = 'error' | 'html' | 'hang' | ((request: IncomingMessage, response: ServerResponse) => void)

export interface Troubles {
  /** Requests that reached the endpoint, troubled ones too. */
  count(endpoint: Endpoint): number
  set(endpoint: Endpoint, trouble: Trouble): void
  /** The endpoint, or all of them, work again. Requests that hang go on hanging. */
  clear(endpoint?: Endpoint): void
  /** Holds requests to the endpoint until the function it returns is called; then they are served. */
  hold(endpoint: Endpoint): () => void
  /** Serves requests to the endpoint, and holds the answers until the function it returns is called. */
  holdAnswers(endpoint: Endpoint): () => void
  /** Wraps a provider's request listener. */
  wrap(listener: RequestListener): RequestListener
}

type RequestListener = (request: IncomingMessage, response: ServerResponse) => void

export function createTroubles(): Troubles {
  const counts = new Map<Endpoint, number>()
  const troubles = new Map<Endpoint, Trouble>()
  const held = new Map<Endpoint, Promise<void>>()
  const heldAnswers = new Map<Endpoint, Promise<void>>()

  function holdIn(map: Map<Endpoint, Promise<void>>, endpoint: Endpoint): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    map.set(endpoint, promise)
    return () => {
      map.delete(endpoint)
      resolve()
    }
  }

  return {
    count: endpoint => counts.get(endpoint) ?? 0,
    set: (endpoint, trouble) => void troubles.set(endpoint, trouble),
    clear: endpoint => (endpoint === undefined ? troubles.clear() : void troubles.delete(endpoint)),
    hold: endpoint => holdIn(held, endpoint),
    holdAnswers: endpoint => holdIn(heldAnswers, endpoint),
    wrap: listener => (request, response) => {
      const endpoint = endpointOf(request.url ?? '/')
      counts.set(endpoint, (counts.get(endpoint) ?? 0) + 1)
      const trouble = troubles.get(endpoint)
      if (trouble !== undefined) return misbehave(trouble, request, response)
      const waitAfter = heldAnswers.get(endpoint)
      if (waitAfter !== undefined) answerAfter(waitAfter, response)
      const wait = held.get(endpoint)
      if (wait === undefined) return listener(request, response)
      wait.then(() => listener(request, response))
    },
  }
}

function misbehave(trouble: Trouble, request: IncomingMessage, response: ServerResponse): void {
  if (typeof trouble === 'function') trouble(request, response)
  else if (trouble === 'error') response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"server_error"}')
  else if (trouble === 'html') response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>Maintenance</title>')
}

/** The answer is made as ever, and goes out when the promise says so. */
function answerAfter(wait: Promise<void>, response: ServerResponse): void {
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse
  response.end = ((...args: unknown[]) => {
    wait.then(() => end(...args))
    return response
  }) as typeof response.end
}

function endpointOf(target: string): Endpoint {
  const path = target.replace(/[?].*/, '')
  if (path === '/.well-known/openid-configuration') return 'discovery'
  if (path === '/jwks') return 'jwks'
  if (path === '/request') return 'push'
  if (path === '/auth' || path.startsWith('/auth/')) return 'authorize'
  if (path.startsWith('/interaction/')) return 'interaction'
  if (path === '/token') return 'token'
  if (path === '/token/revocation') return 'revoke'
  if (path === '/me') return 'userinfo'
  if (path === '/session/end' || path.startsWith('/session/end/')) return 'end_session'
  return 'other'
}
