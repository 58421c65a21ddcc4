import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { makeCertificate } from './certificate.ts'
import { type CookieJar, createPlainBrowser } from './idp-browser.ts'
import { configurationOf, type IdpSettings } from './idp-configuration.ts'
import { interact, type SignInForm } from './idp-interaction.ts'
import { createPeople } from './idp-people.ts'
import { createIdpStore } from './idp-store.ts'
import { createTroubles, type Troubles } from './idp-trouble.ts'

export interface IdentityProviderOptions extends Partial<Pick<IdpSettings, 'alg' | 'accessTokens' | 'refreshTokens' | 'rotate' | 'par'>> {
  /** Serves https with a certificate of its own; trust `ca`. */
  readonly https?: boolean
  /** `localhost` or `127.0.0.1`, which browsers take for two sites. */
  readonly host?: 'localhost' | '127.0.0.1'
  readonly clientAuth?: 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'tls_client_auth'
  /** The client's public keys, for `private_key_jwt`. */
  readonly clientKeys?: readonly object[]
  /** PEM of the certificate of a client that has one, for the DNS name `client.example`; needs `https`. */
  readonly clientCertificate?: string
  readonly redirectUris?: readonly string[]
  readonly postLogoutRedirectUris?: readonly string[]
}

/** A token request as it reached the provider, and the status it was answered with. */
export interface TokenRequest {
  readonly params: Readonly<Record<string, string>>
  readonly authorization: string
  readonly status: number
}

export interface SignInOptions {
  /** Default alice. */
  readonly user?: 'alice' | 'bob'
  /** Presses "Cancel" at the provider. */
  readonly deny?: boolean
  /** The browser's cookies at the provider; pass one to keep the session there. */
  readonly jar?: CookieJar
}

/** oidc-provider in this process, on a loopback port of its own. */
export interface IdentityProvider {
  readonly issuer: string
  /** PEM, when it serves https. */
  readonly ca: string | undefined
  readonly clientId: string
  readonly clientSecret: string
  readonly people: ReturnType<typeof createPeople>
  readonly troubles: Troubles
  readonly tokenRequests: readonly TokenRequest[]
  /** How many requests came to where the client's certificate is asked for. */
  certificateRequests(): number
  /** How many refreshes it was asked for. */
  refreshes(): number
  /** Every token and code ever handed out, to look for leaks. */
  readonly issued: ReadonlySet<string>
  /** Replaces the client's registered addresses. */
  register(uris: { readonly redirectUris: readonly string[]; readonly postLogoutRedirectUris?: readonly string[] }): void
  /** For tokens issued from now on. Default 300. */
  setAccessTokenSeconds(seconds: number): void
  /** Refresh tokens handed out so far are refused from now on. */
  endGrants(): void
  /** Signs in with a plain browser. Returns the address of the callback, which was not visited. */
  signIn(authorizationUrl: URL | string, options?: SignInOptions): Promise<URL>
  /** Likewise, where the answer is a form: what is to be posted, and where. */
  signInByForm(authorizationUrl: URL | string, options?: SignInOptions): Promise<{ readonly url: URL; readonly form: URLSearchParams }>
  /** Signs out with the browser whose cookies these are. Returns where the provider sends it, null for nowhere. */
  signOut(endSessionUrl: URL | string, jar: CookieJar): Promise<URL | null>
  /** Goes away: the port refuses connections until `start`. */
  stop(): Promise<void>
  start(): Promise<void>
  close(): Promise<void>
}

/** Starts a provider that knows one client, alice and bob. */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const { host = '127.0.0.1', clientAuth = 'client_secret_basic' } = options
  const certificate = options.https ? makeCertificate() : undefined
  const server: Server = certificate === undefined ? createServer() : createTlsServer(certificate)
  await listen(server, 0, host)
  // The issuer holds the port, so the server listens before there is a provider.
  const { port } = server.address() as AddressInfo
  const issuer = `${options.https ? 'https' : 'http'}://${host}:${port}`

  // Beside the other, because a browser that is asked for a certificate asks the person.
  const certificateServer =
    certificate === undefined || options.clientCertificate === undefined
      ? null
      : createTlsServer({ ...certificate, requestCert: true, ca: options.clientCertificate })
  if (certificateServer !== null) await listen(certificateServer, 0, host)

  const client = {
    client_id: 'sallyport',
    // Characters that client_secret_basic must form-encode first (RFC 6749 §2.3.1).
    client_secret: `client secret: & +%/= ${randomBytes(9).toString('base64url')}`,
    token_endpoint_auth_method: clientAuth,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [...(options.redirectUris ?? [])],
    post_logout_redirect_uris: [...(options.postLogoutRedirectUris ?? [])],
    require_auth_time: true,
    ...(certificateServer === null ? {} : { tls_client_auth_san_dns: 'client.example' }),
    ...(options.clientKeys === undefined ? {} : { jwks: { keys: [...options.clientKeys] } }),
  }
  const people = createPeople()
  const troubles = createTroubles()
  const browser = createPlainBrowser(certificate?.cert)
  const tokenRequests: TokenRequest[] = []
  const issued = new Set<string>()
  let accessTokenSeconds = 300
  const store = createIdpStore(clientId => (clientId === client.client_id ? { ...client } : undefined))
  const provider = new Provider(
    issuer,
    await configurationOf({
      alg: options.alg ?? 'ES256',
      accessTokens: options.accessTokens ?? 'jwt',
      refreshTokens: options.refreshTokens ?? 'always',
      rotate: options.rotate ?? true,
      par: options.par ?? 'off',
      certificateOrigin: certificateServer === null ? null : `https://${host}:${(certificateServer.address() as AddressInfo).port}`,
      people,
      store,
      accessTokenSeconds: () => accessTokenSeconds,
    }),
  )
  provider.use(async (ctx, next) => {
    await next()
    const code = URL.parse(String(ctx.response.get('location')))?.searchParams.get('code')
    if (code) issued.add(code)
    if (ctx.oidc?.route !== 'token') return
    tokenRequests.push({
      params: { ...ctx.oidc.body } as Record<string, string>,
      authorization: ctx.get('authorization'),
      status: ctx.status,
    })
    const answer = (ctx.body ?? {}) as Record<string, unknown>
    for (const name of ['access_token', 'refresh_token', 'id_token']) if (typeof answer[name] === 'string') issued.add(answer[name])
  })

  const serve = provider.callback()
  const listener = troubles.wrap((request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void serve(request, response)
    interact(provider, people, request, response).catch(() =>
      response.writeHead(400, { 'content-type': 'text/plain' }).end('no such sign-in'),
    )
  })
  server.on('request', listener)
  let certificateRequests = 0
  certificateServer?.on('request', (request, response) => {
    certificateRequests += 1
    listener(request, response)
  })

  async function walk(authorizationUrl: URL | string, { user = 'alice', deny = false, jar = new Map() }: SignInOptions = {}) {
    const answers: SignInForm = deny ? { decision: 'deny' } : { username: user, password: people[user].password }
    const { url, ...rest } = await browser.walk(new URL(authorizationUrl), jar, { ...answers })
    if (url === null) throw new Error(`The provider does not send the browser back. Its last page: ${rest.page}`)
    return { url, ...rest }
  }

  const self: IdentityProvider = {
    issuer,
    ca: certificate?.cert,
    clientId: client.client_id,
    clientSecret: client.client_secret,
    people,
    troubles,
    tokenRequests,
    certificateRequests: () => certificateRequests,
    refreshes: () => tokenRequests.filter(({ params }) => params.grant_type === 'refresh_token').length,
    issued,
    register(uris) {
      client.redirect_uris = [...uris.redirectUris]
      client.post_logout_redirect_uris = [...(uris.postLogoutRedirectUris ?? [])]
    },
    setAccessTokenSeconds(seconds) {
      accessTokenSeconds = seconds
    },
    endGrants: () => store.endGrants(),
    async signIn(authorizationUrl, signInOptions) {
      return (await walk(authorizationUrl, signInOptions)).url
    },
    async signInByForm(authorizationUrl, signInOptions) {
      const { url, form, page } = await walk(authorizationUrl, signInOptions)
      if (form === null) throw new Error(`The provider does not answer with a form. Its last page: ${page}`)
      issued.add(form.get('code') ?? '')
      return { url, form }
    },
    async signOut(endSessionUrl, jar) {
      return (await browser.walk(new URL(endSessionUrl), jar, { logout: 'yes' })).url
    },
    stop: () => shut(server),
    start: () => listen(server, port, host),
    async close() {
      await browser.close()
      await shut(server)
      if (certificateServer !== null) await shut(certificateServer)
    },
  }
  return self
}

function listen(server: Server, port: number, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  server.once('error', reject)
  server.listen(port, host, () => {
    server.off('error', reject)
    resolve()
  })
  return promise
}

/** Connections that hang are cut: a test that ends must leave nothing open. */
function shut(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  server.close(() => resolve())
  server.closeAllConnections()
  return promise
}
