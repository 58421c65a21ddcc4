import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import { listenAt, type Place, type Running } from './listening.ts'
import { findPerson } from './people.ts'
import { configureProvider, type ProviderOptions } from './provider-configuration.ts'
import { answerPage, renderLetter, renderSignIn, renderTrouble } from './provider-pages.ts'
import { readForm } from './request-body.ts'

/** Starts the demo's OpenID provider. */
export async function startIdentityProvider(options: ProviderOptions & { readonly place: Place }): Promise<Running> {
  // The issuer holds the port, so the server listens before the provider can be made.
  const server = createServer()
  const running = await listenAt(server, options.place)
  server.on('request', await createIdentityProvider(running.origin, options))
  return running
}

/**
 * Creates an OpenID provider for one client and one API: its access tokens are signed JWTs. Beside the protocol
 * it serves the sign-in form, and `/letter`, a page of another site with a link into the demo.
 *
 * The library is a development dependency, loaded only here: a production image has no provider in it.
 */
export async function createIdentityProvider(issuer: string, options: ProviderOptions): Promise<RequestListener> {
  const { Provider } = await loadLibrary()
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const signingKey = { ...(await exportJWK(privateKey)), kid: 'demo', use: 'sig', alg: 'RS256' }
  const provider = new Provider(issuer, configureProvider(options, signingKey))
  const answer = provider.callback()
  const tooLate = renderTrouble('This sign-in has run out. Please start again.', options.client.origin)

  return function serve(req: IncomingMessage, res: ServerResponse): void {
    const path = req.url?.split('?')[0] ?? '/'
    if (path === '/letter') answerPage(res, 200, renderLetter(options.client.origin))
    else if (path.startsWith('/interaction/')) signIn(req, res).catch(() => answerPage(res, 400, tooLate))
    else answer(req, res)
  }

  async function signIn(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { uid } = await provider.interactionDetails(req, res)
    const action = `/interaction/${uid}`
    if (req.method !== 'POST') return answerPage(res, 200, renderSignIn({ action, username: '', failed: false }))

    const form = await readForm(req)
    const username = form.get('username') ?? ''
    const person = findPerson(options.people, username, form.get('password') ?? '')
    if (person === null) return answerPage(res, 401, renderSignIn({ action, username, failed: true }))
    await provider.interactionFinished(req, res, { login: { accountId: person.username, amr: ['pwd'] } })
  }
}

async function loadLibrary() {
  try {
    return await import('oidc-provider')
  } catch (cause) {
    throw new Error('The demo needs the development dependencies: run it in a clone of the repository, after npm ci.', { cause })
  }
}
