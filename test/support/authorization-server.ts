import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestContext } from 'node:test'

type Answer = readonly [status: number, body: unknown]

/** What a scripted authorization server does otherwise than a good one. */
export interface Script {
  /** Over the metadata that a good one has; undefined leaves one out. */
  metadata?: Readonly<Record<string, unknown>>
  /** Answers of the token endpoint to a device code, in turn; after them it goes on pending. */
  device?: Answer[]
  /** In place of what the endpoint would answer. */
  token?: Answer
  /** What it waits for, with the answer made, before it gives a token. */
  tokenWaits?: Promise<unknown>
  /** Of what is pushed; null for what it would answer. */
  par?: Answer | ((form: URLSearchParams) => Answer | null)
  revoke?: Answer
  session?: Answer
  /** Of /auth/sessions and what is under it; `code` stands in Sallyport-Error too. */
  sessions?: Answer
  /** Of a device that begins. */
  deviceAuthorization?: Answer
  /** What it says of the interval for asking, seconds. */
  interval?: number
  /** Where /away leads. */
  away?: string
}

/** One that answers as it is told to: for what no real server does, or not at the right moment. */
export interface ScriptedServer {
  readonly origin: string
  readonly script: Script
  /** Every call, with its form and its Authorization. */
  readonly calls: { readonly path: string; readonly form: URLSearchParams; readonly authorization: string }[]
  readonly handles: readonly string[]
  /** The answer to an authorization request, as an approval would make it. @param at where the browser was sent */
  approve(at: URL): { readonly redirectUri: string; readonly params: URLSearchParams; readonly isPosted: boolean }
  close(): Promise<void>
}

export async function startAuthorizationServer(t: TestContext, script: Script = {}): Promise<ScriptedServer> {
  const calls: { path: string; form: URLSearchParams; authorization: string }[] = []
  const pushed = new Map<string, URLSearchParams>()
  const codes = new Map<string, URLSearchParams>()
  const handles: string[] = []
  const server = createServer((req, res) => void serve(req, res))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
    const form = new URLSearchParams(Buffer.concat(chunks).toString())
    const path = req.url ?? ''
    calls.push({ path, form, authorization: req.headers.authorization ?? '' })
    if (path === '/away') {
      res.writeHead(302, { location: script.away ?? '/' }).end()
      return
    }
    const [status, body] = answer(path, form)
    if (path === '/oauth/token') await script.tokenWaits
    const code = typeof body === 'object' && body !== null && 'code' in body ? { 'sallyport-error': String(body.code) } : {}
    res.writeHead(status, { 'content-type': 'application/json', ...code }).end(body === undefined ? '' : JSON.stringify(body))
  }

  function answer(path: string, form: URLSearchParams): Answer {
    if (path === '/.well-known/oauth-authorization-server') return [200, { ...metadata(), ...script.metadata }]
    if (path === '/oauth/par') return (typeof script.par === 'function' ? script.par(form) : script.par) ?? push(form)
    if (path === '/oauth/token') return script.token ?? token(form)
    if (path === '/oauth/revoke') return script.revoke ?? [200, undefined]
    if (path === '/auth/session') return script.session ?? [200, session()]
    if (path.startsWith('/auth/sessions')) return script.sessions ?? [200, { sessions: [] }]
    if (path !== '/oauth/device_authorization') return [404, {}]
    if (script.deviceAuthorization !== undefined) return script.deviceAuthorization
    const { interval = 1 } = script
    return [
      200,
      { device_code: 'the-device-code', user_code: 'BCDF-GHJK', verification_uri: `${origin}/device`, expires_in: 600, interval },
    ]
  }

  function push(form: URLSearchParams): Answer {
    const uri = `urn:ietf:params:oauth:request_uri:${randomBytes(8).toString('hex')}`
    pushed.set(uri, form)
    return [201, { request_uri: uri, expires_in: 60 }]
  }

  function token(form: URLSearchParams): Answer {
    const grant = form.get('grant_type') ?? ''
    if (grant.endsWith('device_code')) return script.device?.shift() ?? [400, { error: 'authorization_pending' }]
    if (grant.endsWith('token-exchange')) return issue(form.get('scope') ?? '')
    const request = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const challenge = createHash('sha256')
      .update(form.get('code_verifier') ?? '')
      .digest('base64url')
    const fits = request?.get('code_challenge') === challenge && request.get('redirect_uri') === form.get('redirect_uri')
    return fits ? issue(request.get('scope') ?? 'orders.read') : [400, { error: 'invalid_grant' }]
  }

  function issue(scope: string): Answer {
    const handle = `spt_${randomBytes(16).toString('hex')}`
    handles.push(handle)
    return [200, { access_token: handle, token_type: 'Bearer', expires_in: 3600, scope }]
  }

  function session() {
    const user = { provider: 'main', sub: 'alice-1', name: 'Alice', email: 'alice@example.test' }
    const life = { session_id: 'a-session-id', idle_expires_in: 1800, absolute_expires_in: 3600 }
    return { authenticated: true, server_time: new Date().toISOString(), user, session: life }
  }

  function metadata() {
    const at = (name: string) => `${origin}/oauth/${name}`
    return {
      issuer: origin,
      authorization_endpoint: at('authorize'),
      token_endpoint: at('token'),
      revocation_endpoint: at('revoke'),
      device_authorization_endpoint: at('device_authorization'),
      pushed_authorization_request_endpoint: at('par'),
      response_modes_supported: ['query', 'form_post'],
      code_challenge_methods_supported: ['S256'],
    }
  }

  async function close(): Promise<void> {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  t.after(close)

  return {
    origin,
    script,
    calls,
    handles,
    approve(at) {
      const request = pushed.get(at.searchParams.get('request_uri') ?? '') ?? at.searchParams
      const code = randomBytes(8).toString('hex')
      codes.set(code, request)
      const params = new URLSearchParams({ code, state: request.get('state') ?? '', iss: origin })
      return { redirectUri: request.get('redirect_uri') ?? '', params, isPosted: request.get('response_mode') === 'form_post' }
    },
    close,
  }
}
