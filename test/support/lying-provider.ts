import { createHash, randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { CompactSign, exportJWK, generateKeyPair } from 'jose'

type Json = Record<string, unknown>

/** What this provider says in place of the truth. Each gets the truth and gives what is sent; none is asked twice. */
export interface Lies {
  metadata?: (truth: Json) => Json
  jwks?: (truth: Json) => Json
  /** The parameters that the browser brings back. */
  callback?: (truth: URLSearchParams) => void
  claims?: (truth: Json) => Json
  /** The claims as JSON text, for what no object can say. */
  payload?: (truth: string) => string
  header?: (truth: Json) => Json
  /** The signed ID token; undefined leaves it out. */
  idToken?: (truth: string) => string | undefined
  /** The token answer; a text is sent as it stands. */
  answer?: (truth: Json) => Json | string
  userinfo?: (truth: Json) => Json
  /** The answer to a pushed authorization request. */
  push?: (truth: Json) => Json
  /** Takes the token request over. */
  token?: Take
  /** Takes the requests to these places over. */
  take?: Partial<Record<Place, Take>>
}

type Take = (request: IncomingMessage, response: ServerResponse) => void

const places = {
  '/.well-known/openid-configuration': 'discovery',
  '/jwks': 'jwks',
  '/par': 'par',
  '/auth': 'auth',
  '/token': 'token',
  '/revoke': 'revoke',
  '/me': 'userinfo',
} as const
/** The places that a client has to do with, `auth` through the browser. */
export type Place = (typeof places)[keyof typeof places]

export interface LyingProviderOptions {
  /** What it calls itself, when that is not where it listens. */
  readonly issuer?: string
  readonly alg?: 'ES256' | 'PS256' | 'RS256' | 'EdDSA'
  /** Whether it takes pushed authorization requests. */
  readonly par?: boolean
}

/** A small scriptable OpenID provider, for what a real one cannot be brought to say. Right in all it is not told otherwise. */
export interface LyingProvider {
  readonly issuer: string
  /** The origin it listens on; the issuer's own, unless the issuer was given. */
  readonly address: string
  readonly clientId: string
  readonly clientSecret: string
  lies: Lies
  readonly requests: { readonly path: string; readonly host: string; readonly body: URLSearchParams; readonly authorization: string }[]
  /** Which places were asked, in order, `auth` left out. */
  asked(): readonly Place[]
  /** Its key of now, as the key set has it. */
  publicJwk(): Json
  /** Signs with its key of now. */
  sign(payload: string, header?: Json): Promise<string>
  /** Takes another key, of which it says nothing but in its key set; null for a key without a name. */
  rotate(keyId: string | null): Promise<void>
  /** As `IdentityProvider.signIn`; everybody here is alice. */
  signIn(authorizationUrl: URL | string): Promise<URL>
  close(): Promise<void>
}

/**
 * Starts one on a loopback port of its own. Codes and refresh tokens work any number of times.
 */
export async function startLyingProvider(options: LyingProviderOptions = {}): Promise<LyingProvider> {
  const server = createServer((request, response) => {
    answer(request, response).catch(error => response.writeHead(500, { 'content-type': 'text/plain' }).end(String(error)))
  })
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = options.issuer ?? address
  const { alg = 'ES256' } = options
  let key = await newKey('k1')
  const pushed = new Map<string, URLSearchParams>()
  const nonces = new Map<string, string | null>()

  const self: LyingProvider = {
    issuer,
    address,
    clientId: 'sallyport',
    clientSecret: 'lying-client-secret',
    lies: {},
    requests: [],
    asked: () => self.requests.map(({ path }) => placeOf(path)).filter(place => place !== null && place !== 'auth') as Place[],
    publicJwk: () => ({ ...key.jwk }),
    async sign(payload, header = {}) {
      return await new CompactSign(Buffer.from(payload)).setProtectedHeader({ ...key.header, ...header }).sign(key.privateKey)
    },
    async rotate(keyId) {
      key = await newKey(keyId)
    },
    async signIn(authorizationUrl) {
      const { pathname, search } = new URL(authorizationUrl)
      const response = await fetch(`${address}${pathname}${search}`, { redirect: 'manual' })
      await response.body?.cancel()
      return new URL(response.headers.get('location') ?? '', address)
    },
    close() {
      const closed = Promise.withResolvers<void>()
      server.close(() => closed.resolve())
      server.closeAllConnections()
      return closed.promise
    },
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { lies } = self
    const url = new URL(request.url ?? '/', issuer)
    const place = placeOf(url.pathname)
    const take = place === 'token' && lies.token !== undefined ? lies.token : place === null ? undefined : lies.take?.[place]
    if (take !== undefined) {
      note(request, url.pathname, new URLSearchParams())
      return take(request, response)
    }
    const body = new URLSearchParams(await text(request))
    note(request, url.pathname, body)
    if (url.pathname === '/auth') {
      const asked = pushed.get(url.searchParams.get('request_uri') ?? '') ?? url.searchParams
      response.writeHead(303, { location: callbackOf(asked, lies).href }).end()
      return
    }
    const said = await speak(url.pathname, body, lies)
    const json = typeof said === 'string' ? said : JSON.stringify(said)
    response.writeHead(said === null ? 404 : place === 'par' ? 201 : 200, { 'content-type': 'application/json' }).end(json)
  }

  function note({ headers }: IncomingMessage, path: string, body: URLSearchParams): void {
    self.requests.push({ path, host: headers.host ?? '', body, authorization: headers.authorization ?? '' })
  }

  async function speak(path: string, body: URLSearchParams, lies: Lies): Promise<Json | string | null> {
    if (path === '/.well-known/openid-configuration') return told(metadata(), lies.metadata)
    if (path === '/jwks') return told({ keys: [key.jwk] }, lies.jwks)
    if (path === '/par') {
      const name = `urn:ietf:params:oauth:request_uri:${randomBytes(16).toString('base64url')}`
      pushed.set(name, body)
      return told({ request_uri: name, expires_in: 60 }, lies.push)
    }
    if (path === '/me') return told({ sub: 'a1', email: 'alice@example.com', email_verified: true }, lies.userinfo)
    if (path === '/revoke') return ''
    if (path !== '/token') return null
    const accessToken = randomBytes(16).toString('base64url')
    const idToken = await signed(nonces.get(body.get('code') ?? '') ?? null, accessToken, lies)
    const truth = { access_token: accessToken, token_type: 'Bearer', expires_in: 300, refresh_token: randomBytes(16).toString('base64url') }
    return told({ ...truth, id_token: idToken === undefined ? undefined : told(idToken, lies.idToken) }, lies.answer)
  }

  function callbackOf(asked: URLSearchParams, lies: Lies): URL {
    const code = randomBytes(16).toString('base64url')
    nonces.set(code, asked.get('nonce'))
    const callback = new URL(asked.get('redirect_uri') ?? '')
    callback.search = new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer }).toString()
    lies.callback?.(callback.searchParams)
    return callback
  }

  function metadata(): Json {
    return {
      issuer,
      authorization_endpoint: `${issuer}/auth`,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}/jwks`,
      userinfo_endpoint: `${issuer}/me`,
      end_session_endpoint: `${issuer}/end`,
      ...(options.par === true ? { pushed_authorization_request_endpoint: `${issuer}/par` } : {}),
      id_token_signing_alg_values_supported: [alg],
      code_challenge_methods_supported: ['S256'],
      authorization_response_iss_parameter_supported: true,
    }
  }

  async function signed(nonce: string | null, accessToken: string, lies: Lies): Promise<string | undefined> {
    const seconds = Math.floor(Date.now() / 1000)
    const hash = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256')
      .update(accessToken)
      .digest()
      .subarray(0, alg === 'EdDSA' ? 32 : 16)
      .toString('base64url')
    const truth = { iss: issuer, sub: 'a1', aud: 'sallyport', iat: seconds, exp: seconds + 300, auth_time: seconds, at_hash: hash }
    const claims = told(nonce === null ? truth : { ...truth, nonce }, lies.claims)
    const header = told(key.header, lies.header)
    return await new CompactSign(Buffer.from(told(JSON.stringify(claims), lies.payload)))
      .setProtectedHeader(header as { alg: string })
      .sign(key.privateKey)
  }

  async function newKey(keyId: string | null) {
    const { privateKey, publicKey } = await generateKeyPair(alg)
    const named = keyId === null ? { alg } : { alg, kid: keyId }
    return { privateKey, header: named, jwk: { ...(await exportJWK(publicKey)), use: 'sig', ...named } }
  }

  return self
}

function placeOf(path: string): Place | null {
  return places[path as keyof typeof places] ?? null
}

function told<T, U>(truth: T, lie: ((truth: T) => U) | undefined): T | U {
  return lie === undefined ? truth : lie(truth)
}
