import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type Listening, listenAnywhere } from './listening.ts'
import type { TestPeople } from './people.ts'
import { createGrants, exchangeGrant, type Grants, type TestClient } from './provider-grants.ts'
import { createTokenMaker } from './provider-tokens.ts'

export interface TestProviderOptions {
  readonly client: TestClient
  readonly people: TestPeople
  readonly audience: string
  readonly now: () => number
}

/**
 * Starts an OpenID provider on a loopback port: code flow with PKCE, refresh tokens that work once, token exchange and
 * client credentials. Who signs in is chosen on its page, by a click or a test, and nobody has a password.
 *
 * It is our own and small because it must live by the clock of the test: after `clock.advance` tokens have run out and
 * new ones are new, on both sides. It promises nothing but what the gateway asks of a provider.
 */
export async function startTestProvider(options: TestProviderOptions): Promise<Listening> {
  const server = createServer()
  const listening = await listenAnywhere(server)
  const tokens = await createTokenMaker(listening.origin, options.now)
  const grants = createGrants({ ...options, tokens })
  const serve = createRoutes(listening.origin, options, grants, tokens.keySet)
  server.on('request', (req, res) => {
    serve(req, res).catch(() => res.writeHead(400).end())
  })
  return listening
}

function createRoutes(issuer: string, { client, people }: TestProviderOptions, grants: Grants, keySet: object) {
  const metadata = {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    revocation_endpoint: `${issuer}/revoke`,
    end_session_endpoint: `${issuer}/end-session`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials', exchangeGrant],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  }

  return async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url ?? '/', issuer)
    if (url.pathname === '/.well-known/openid-configuration') return sendJson(res, 200, metadata)
    if (url.pathname === '/jwks') return sendJson(res, 200, keySet)
    if (url.pathname === '/authorize') return authorize(req, res, url.searchParams)
    if (url.pathname === '/userinfo') return tellUserInfo(req, res)
    if (url.pathname === '/end-session') return endSession(res, url.searchParams)
    if (url.pathname !== '/token' && url.pathname !== '/revoke') return void res.writeHead(404).end()

    if (!isClient(req, client)) return sendJson(res, 401, { error: 'invalid_client' })
    const form = await readForm(req)
    if (url.pathname === '/token') return sendTokens(res, await grants.answer(form))
    grants.revoke(form.get('token') ?? '')
    res.writeHead(200).end()
  }

  async function authorize(req: IncomingMessage, res: ServerResponse, request: URLSearchParams): Promise<void> {
    const isOurs = request.get('client_id') === client.id && request.get('redirect_uri') === client.redirectUri
    if (!isOurs || request.get('code_challenge_method') !== 'S256') return void res.writeHead(400).end('not a request of the gateway')
    const back = new URL(client.redirectUri)
    back.searchParams.set('state', request.get('state') ?? '')
    back.searchParams.set('iss', issuer)
    if (request.get('prompt') === 'none') {
      back.searchParams.set('error', 'login_required')
    } else if (req.method === 'POST') {
      const name = (await readForm(req)).get('person') ?? ''
      if (Object.hasOwn(people, name)) back.searchParams.set('code', grants.begin(name, request))
      else back.searchParams.set('error', 'access_denied')
    } else {
      return void res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(choosePage(Object.keys(people)))
    }
    res.writeHead(303, { location: back.href }).end()
  }

  function tellUserInfo(req: IncomingMessage, res: ServerResponse): void {
    const claims = grants.claimsOf(req.headers.authorization?.slice('Bearer '.length) ?? '')
    if (claims === null) res.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end()
    else sendJson(res, 200, claims)
  }

  function endSession(res: ServerResponse, query: URLSearchParams): void {
    const back = new URL(query.get('post_logout_redirect_uri') ?? '/', issuer)
    back.searchParams.set('state', query.get('state') ?? '')
    // Anywhere else would be an open redirect, in a test too.
    if (back.origin !== new URL(client.redirectUri).origin) return void res.writeHead(200).end('signed out')
    res.writeHead(303, { location: back.href }).end()
  }
}

/** client_secret_basic: both parts are form-encoded first (RFC 6749 §2.3.1). */
function isClient(req: IncomingMessage, client: TestClient): boolean {
  const [, encoded = ''] = /^Basic (\S+)$/.exec(req.headers.authorization ?? '') ?? []
  const [id, secret] = Buffer.from(encoded, 'base64').toString().split(':').map(decodeURIComponent)
  return id === client.id && secret === client.secret
}

function sendTokens(res: ServerResponse, answer: Readonly<Record<string, unknown>>): void {
  sendJson(res, answer.error === undefined ? 200 : 400, answer)
}

function sendJson(res: ServerResponse, status: number, body: object): void {
  res.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body))
}

async function readForm(req: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = []
  for await (const chunk of req as AsyncIterable<Buffer>) chunks.push(chunk)
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}

/** A button for each person; the form goes to the address of the page itself, which holds the request. */
function choosePage(names: readonly string[]): string {
  const buttons = names.map(escapeHtml).map(name => `<button name="person" value="${name}">${name}</button>`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Test provider</title>
<h1>Sign in as</h1><form method="post">${buttons.join(' ')}</form></html>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
