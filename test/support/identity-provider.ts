import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import Provider from 'oidc-provider'
import { makeCertificate } from './certificate.ts'
import { type CookieJar, createPlainBrowser } from './idp-browser.ts'
import { configurationOf, type IdpSettings, ordersAudience } from './idp-configuration.ts'
import { addTokenExchange, exchangeGrant } from './idp-exchange.ts'
import { interact, type SignInForm } from './idp-interaction.ts'
import { createIdpKey, type SigningAlgorithm } from './idp-key.ts'
import { forgeLogoutToken, type LogoutTokenChanges } from './idp-logout-token.ts'
import { createPeople } from './idp-people.ts'
import { createIdpStore } from './idp-store.ts'
import { createTroubles, type Troubles } from './idp-trouble.ts'
import { createWitness, type Witness } from './idp-witness.ts'

export interface IdentityProviderOptions
  extends Partial<Pick<IdpSettings, 'accessTokens' | 'audiences' | 'refreshTokens' | 'revocation' | 'rotate' | 'par'>> {
  readonly alg?: SigningAlgorithm
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
  /** Where it sends logout tokens when people sign out there; ID tokens then have a `sid`. */
  readonly backChannelUri?: string
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
export interface IdentityProvider extends Witness {
  readonly issuer: string
  /** PEM, when it serves https. */
  readonly ca: string | undefined
  readonly clientId: string
  readonly clientSecret: string
  readonly people: ReturnType<typeof createPeople>
  readonly troubles: Troubles
  /** How many requests came to where the client's certificate is asked for. */
  certificateRequests(): number
  /** How many refreshes it was asked for. */
  refreshes(): number
  /** Replaces the client's registered addresses. */
  register(
    uris: Pick<IdentityProviderOptions, 'postLogoutRedirectUris' | 'backChannelUri'> & { readonly redirectUris: readonly string[] },
  ): void
  /** For tokens issued from now on. Default 300. */
  setAccessTokenSeconds(seconds: number): void
  /** A logout token signed with its own key: a good one about alice's session `s1`, but for the changes. */
  logoutToken(changes?: LogoutTokenChanges): Promise<string>
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
    grant_types: ['authorization_code', 'refresh_token', 'client_credentials', exchangeGrant],
    redirect_uris: [...(options.redirectUris ?? [])],
    post_logout_redirect_uris: [...(options.postLogoutRedirectUris ?? [])],
    ...backChannelOf(options.backChannelUri),
    require_auth_time: true,
    ...(certificateServer === null ? {} : { tls_client_auth_san_dns: 'client.example' }),
    ...(options.clientKeys === undefined ? {} : { jwks: { keys: [...options.clientKeys] } }),
  }
  const people = createPeople()
  const troubles = createTroubles()
  const browser = createPlainBrowser(certificate?.cert)
  const key = createIdpKey(options.alg ?? 'ES256')
  let accessTokenSeconds = 300
  const store = createIdpStore(clientId => (clientId === client.client_id ? { ...client } : undefined))
  const provider = new Provider(
    issuer,
    configurationOf({
      key,
      accessTokens: options.accessTokens ?? 'jwt',
      audiences: options.audiences ?? [],
      refreshTokens: options.refreshTokens ?? 'always',
      revocation: options.revocation ?? true,
      rotate: options.rotate ?? true,
      par: options.par ?? 'off',
      certificateOrigin: certificateServer === null ? null : `https://${host}:${(certificateServer.address() as AddressInfo).port}`,
      people,
      store,
      accessTokenSeconds: () => accessTokenSeconds,
    }),
  )
  addTokenExchange(provider, {
    key,
    audiences: () => options.audiences ?? [ordersAudience],
    accessTokenSeconds: () => accessTokenSeconds,
  })
  const witness = createWitness(provider)

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
    ...witness,
    certificateRequests: () => certificateRequests,
    refreshes: () => witness.tokenRequests.filter(({ params }) => params.grant_type === 'refresh_token').length,
    register(uris) {
      client.redirect_uris = [...uris.redirectUris]
      client.post_logout_redirect_uris = [...(uris.postLogoutRedirectUris ?? [])]
      Object.assign(client, backChannelOf(uris.backChannelUri))
    },
    setAccessTokenSeconds(seconds) {
      accessTokenSeconds = seconds
    },
    logoutToken: async changes => forgeLogoutToken(key, { issuer, clientId: client.client_id }, changes),
    endGrants: () => store.endGrants(),
    async signIn(authorizationUrl, signInOptions) {
      return (await walk(authorizationUrl, signInOptions)).url
    },
    async signInByForm(authorizationUrl, signInOptions) {
      const { url, form, page } = await walk(authorizationUrl, signInOptions)
      if (form === null) throw new Error(`The provider does not answer with a form. Its last page: ${page}`)
      witness.issued.add(form.get('code') ?? '')
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

/** As the client's metadata says it; nothing where there is no such place. */
function backChannelOf(uri: string | undefined) {
  return uri === undefined ? {} : { backchannel_logout_uri: uri, backchannel_logout_session_required: true }
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
