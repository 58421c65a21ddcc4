import type { Request, RequestHandler } from 'express'
import type { CountAttempt } from '../auth/count-attempt.ts'
import { exchangeOf } from '../auth/respond.ts'
import type { NativeClients } from '../config/native-clients.ts'
import { isBase64Url, type Random, randomToken } from '../session/credential.ts'
import type { Sealing } from '../session/sealing.ts'
import type { Store } from '../store/store.ts'
import type { RequestReader } from './authorization-request.ts'
import { clientOf } from './client-of.ts'
import { OAuthError } from './oauth-error.ts'
import { readBodyParams } from './read-form.ts'

/** Time for a program to open a browser, and for the person to choose a provider. RFC 9126 §2.2: 5 to 600 s. */
const lifeSeconds = 300
const prefix = 'urn:ietf:params:oauth:request_uri:'
const idLength = 22

/** Authorization requests that a client has sent ahead of the browser (RFC 9126). */
export interface PushedRequests {
  /** @returns the name that the browser carries in place of the request */
  push(clientId: string, params: URLSearchParams): Promise<string>
  /** The request behind a name, which works once: `take` says whether this call was the one. Null where there is none. */
  open(requestUri: string, clientId: string): Promise<{ readonly params: URLSearchParams; readonly take: () => Promise<boolean> } | null>
}

export interface PushedRequestsDeps {
  readonly store: Store
  readonly sealing: Sealing
  readonly random: Random
  readonly now: () => number
}

interface Pushed {
  readonly clientId: string
  readonly params: string
  readonly pushedAt: number
}

export function createPushedRequests({ store, sealing, random, now }: PushedRequestsDeps): PushedRequests {
  return {
    async push(clientId, params) {
      const [id, secret] = [randomToken(random, 16), randomToken(random, 32)]
      const pushed: Pushed = { clientId, params: params.toString(), pushedAt: now() }
      const sealed = sealing.seal({ type: 'par', key: id, version: 0 }, JSON.stringify(pushed), secret)
      await store.putOnce({ kind: 'par', id }, sealed, lifeSeconds * 1000)
      return `${prefix}${id}.${secret}`
    },

    async open(requestUri, clientId) {
      const name = requestUri.startsWith(prefix) ? requestUri.slice(prefix.length) : ''
      const id = name.slice(0, idLength)
      if (name.length !== idLength + 44 || name[idLength] !== '.' || !isBase64Url(id)) return null
      const key = { kind: 'par', id } as const
      const item = await store.peekOnce(key)
      if (item?.state !== 'live') return null
      const opened = sealing.open({ type: 'par', key: id }, item.value, name.slice(idLength + 1))
      if (typeof opened === 'string') return null
      const pushed = JSON.parse(opened.plaintext) as Pushed
      if (pushed.clientId !== clientId || now() - pushed.pushedAt >= lifeSeconds * 1000) return null
      return { params: new URLSearchParams(pushed.params), take: () => store.takeOnce(key, item.value) }
    },
  }
}

export interface PushDeps {
  readonly clients: NativeClients
  readonly requests: RequestReader
  readonly pushed: PushedRequests
  readonly countAttempt: CountAttempt
}

/** POST /oauth/par: judges a request at once, as it would be judged from the browser, and keeps it. */
export function createPush({ clients, requests, pushed, countAttempt }: PushDeps): RequestHandler {
  return async function push(req: Request, res) {
    const params = readBodyParams(req)
    const client = clientOf(clients, req.headers.authorization, params)
    // RFC 9126 §2.1.
    if (params.has('request_uri')) throw new OAuthError('invalid_request', 'A pushed request cannot name another.')
    params.set('client_id', client.id)
    requests.read(params, await requests.address(params, exchangeOf(res).clientAddress))
    await countAttempt(exchangeOf(res).clientAddress)
    res.status(201).json({ request_uri: await pushed.push(client.id, params), expires_in: lifeSeconds })
  }
}
