import type { ServerResponse } from 'node:http'
import type { GatewayConfig, RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { createTrustedProxies } from '../http/client-address.ts'
import { createOwnCookieTest, withoutCookies } from '../http/cookies.ts'
import type { Exchange } from '../http/exchange.ts'
import { assertionHeader } from '../http/header-names.ts'
import { addIdentityHeaders } from '../http/identity-headers.ts'
import { personOf } from '../session/person.ts'
import { type AskedRequest, admitAsked, createReadAsked } from './asked.ts'
import type { AssertionFor } from './assertion.ts'
import type { Caller } from './caller.ts'
import type { Refuse } from './refuse.ts'

export interface VerificationDeps {
  readonly config: GatewayConfig
  readonly assertionFor: AssertionFor
  readonly refuse: Refuse
}

export type Verification = NonNullable<ReturnType<typeof createVerification>>

/**
 * Binds the two steps that a proxy's question has of its own: how the request in question is read, and how the proxy is
 * answered (contract.md section 8b, docs/forward-auth.md). The stages between them are those of every request.
 *
 * @returns null where the configuration has no forward-auth
 */
export function createVerification({ config, assertionFor, refuse }: VerificationDeps) {
  if (config.forwardAuth === undefined) return null
  const isOwnCookie = createOwnCookieTest(config.session.cookie)
  const identityNames = new Set(config.routes.flatMap(route => Object.keys(route.identityHeaders).map(name => name.toLowerCase())))
  const identityHeaders = new Map(config.routes.map(route => [route, Object.entries(route.identityHeaders).flat()]))

  const assertions = new Map(config.routes.map(route => [route, assertionFor(route)]))

  return {
    readAsked: createReadAsked(config.forwardAuth.dialect, createTrustedProxies(config.listen.trustedProxies)),

    admitAsked,

    /** Our own endpoints are on the public port: the application that the proxy would let this through to is not them. */
    refuseOwn(): never {
      throw new GatewayError('no_route', "the gateway's own endpoints are on its public port", { reason: 'own_endpoint' })
    },

    /**
     * Lets a request through. The proxy copies these headers onto it, so all of them are always there: an empty one
     * overwrites what the client has said of itself.
     */
    allow(asked: AskedRequest, res: ServerResponse, { requestId }: Exchange, route: RouteRule, { signedIn, authorization }: Caller): void {
      const cookies = asked.headers.cookie === undefined ? '' : withoutCookies(asked.headers.cookie, isOwnCookie)
      const assertion = signedIn === null ? undefined : assertions.get(route)?.(signedIn)
      const headers = ['authorization', authorization ?? '', 'cookie', cookies, assertionHeader, assertion ?? '']

      const identity: string[] = []
      if (signedIn !== null) addIdentityHeaders(identity, identityHeaders.get(route) ?? [], personOf(signedIn))
      const unsaid = new Set(identityNames)
      for (let i = 0; i < identity.length; i += 2) unsaid.delete(identity[i]?.toLowerCase() ?? '')
      for (const name of unsaid) identity.push(name, '')

      res.writeHead(200, [...headers, ...identity, 'cache-control', 'no-store', 'x-request-id', requestId, 'content-length', '0'])
      res.end()
    },

    refuse,
  }
}
