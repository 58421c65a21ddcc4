import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GatewayConfig } from '../config/config.ts'
import { assertionKeysPath } from '../config/own-paths.ts'
import type { Exchange, Target } from '../http/exchange.ts'
import { isFormNavigation } from '../http/fetch-metadata.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import type { Attempts } from '../session/attempts.ts'
import type { Random } from '../session/credential.ts'
import { createExpressSession } from '../session/express-session.ts'
import type { Families } from '../session/families.ts'
import type { Members } from '../session/members.ts'
import type { Credential, SignedIn } from '../session/session.ts'
import type { SessionList } from '../session/session-list.ts'
import type { Every, Watch } from '../session/watch.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import type { Admit } from '../tokens/admit.ts'
import type { Endings } from '../tokens/endings.ts'
import type { ProviderLogout } from '../tokens/provider-logout.ts'
import type { Renew } from '../tokens/renew.ts'
import type { StepUp } from '../tokens/step-up.ts'
import { createAccount } from './account.ts'
import { createAssertionKeys } from './assertion-keys.ts'
import { createAttemptCookies } from './attempt-cookies.ts'
import { createBackChannelLogout } from './back-channel-logout.ts'
import { createBounce } from './bounce.ts'
import { admitAnswer, callbackMethod, createCallback, type NativeLeg } from './callback.ts'
import { readCallbackForm } from './callback-form.ts'
import { createContinue } from './continue.ts'
import { createEvents } from './events.ts'
import { createFrontChannelLogout } from './front-channel-logout.ts'
import { createHolderReader } from './holder.ts'
import { createFreshAfterLapse } from './lapsed.ts'
import { createSessionReader } from './live-session.ts'
import { createLogin } from './login.ts'
import { createConfirmLogout, createLoggedOut, createLogout } from './logout.ts'
import { namedProvider } from './named-provider.ts'
import { createOwnApp, type Endpoints, type Handlers, literal } from './own-app.ts'
import { createProofs } from './proofs.ts'
import { createRefresh } from './refresh.ts'
import { type Visit, visitOf } from './respond.ts'
import { createReturnTo } from './return-to.ts'
import { createDescribeState, createSession } from './session.ts'
import { createRevokeOthers, createRevokeSession, createSessions } from './sessions.ts'
import { readSmallBody } from './small-body.ts'
import { createRaise } from './step-up.ts'

/**
 * Refuses what another site began (contract.md section 8a).
 *
 * @param isOwnForm whether the body held the token of one of our own forms, which counts where Origin is `null`
 * @throws {GatewayError} `cross_site_refused`
 */
export type RefuseForeign = (req: IncomingMessage, exchange: Exchange, isOwnForm?: boolean) => void

/** The long-lived parts of the gateway that the endpoints work with. */
export interface EndpointParts {
  readonly providers: ReadonlyMap<string, Provider>
  readonly attempts: Attempts
  readonly admitWithin: AdmitWithin
  readonly families: Families
  readonly list: SessionList
  readonly members: Pick<Members, 'remaining'>
  readonly endings: Endings
  readonly providerLogout: ProviderLogout
  readonly admit: Admit
  readonly renew: Renew
  readonly watch: Watch
  readonly every: Every
  readonly stepUp: StepUp
  /** Null where no native client signs in. */
  readonly nativeLeg: NativeLeg | null
  /** The credential in a session cookie whose signature is ours. */
  readonly readCookie: (raw: string) => Credential | null
  /** The session cookie. */
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly audit: Audit
  readonly now: () => number
  readonly random: Random
}

/** What the request stages lend. */
export interface EndpointStages {
  /** Whether a GET for this target reaches a route of kind `page`. */
  isPage(target: Target): boolean
  /** Whether a GET for this target would send the person to a step-up. */
  asksForMore(target: Target, signedIn: SignedIn): boolean
  refuseForeign: RefuseForeign
  /**
   * The session of the handle that a request brings; null where it brings none.
   *
   * @throws {GatewayError} `two_credentials`, `invalid_handle`, `too_many_requests`, `store_unavailable`
   */
  readHeld(req: IncomingMessage, exchange: Exchange): Promise<SignedIn | null>
  /** Answers with an error, as a page or as problem+json, and audits it. */
  refuse(req: IncomingMessage, res: ServerResponse, visit: Visit & { readonly route: undefined }, error: unknown): void
}

/** Creates our own endpoints: an Express app, one line for each. */
export function createEndpoints(config: GatewayConfig, gateway: EndpointParts, stages: EndpointStages): Endpoints {
  const { cookieKeys, cookie } = config.session
  const session = createExpressSession({ families: gateway.families, cookie: gateway.cookie, keys: cookieKeys, random: gateway.random })
  const readSession = createSessionReader({ session, cookie: gateway.cookie })
  const readHolder = createHolderReader({ readSession, readHeld: stages.readHeld })
  const parts = {
    ...gateway,
    config,
    refuseForeign: stages.refuseForeign,
    cookies: createAttemptCookies(cookie),
    proofs: createProofs({ keys: cookieKeys, now: gateway.now }),
    bounce: createBounce({ config, cookie: gateway.cookie }),
    freshAfterLapse: createFreshAfterLapse({ ...gateway, config }),
    returnTo: createReturnTo({ config, isPage: stages.isPage }),
    describeState: createDescribeState({ config, now: gateway.now }),
    asksForMore: stages.asksForMore,
  }
  const raise = createRaise(parts)

  const app = createOwnApp(config, (error, req, res, _next) => {
    const { exchange, ...visit } = visitOf(res)
    // Who submits a form of ours, or of a provider, sees what comes of it, as with a link.
    const isNavigation = exchange.isNavigation || isFormNavigation(req)
    stages.refuse(req, res, { ...visit, exchange: { ...exchange, isNavigation }, route: undefined }, error)
  })
  const endpoint = (path: string, allow: Parameters<typeof app.endpoint>[1], handlers: Handlers) =>
    app.endpoint(literal(config.paths.base) + path, allow, handlers, config.paths.base + path)

  // No HEAD where GET changes something: HEAD is for looking.
  endpoint('/login', 'GET', { get: [readSession, createLogin(parts)] })
  const callback = createCallback(parts)
  endpoint('/callback/:provider', target => callbackMethod(parts.providers, target), {
    get: [admitAnswer, callback],
    post: [admitAnswer, readCallbackForm, callback],
  })
  endpoint('/continue/:attempt', 'GET', { get: [readSession, createContinue({ ...parts, raise })] })
  endpoint('/session', 'GET, HEAD', { get: [readHolder(null), createSession(parts)] })
  endpoint('/session/refresh', 'POST', { post: [readSession, createRefresh(parts)] })
  endpoint('/events', 'GET, HEAD', { get: [readSession, createEvents(parts)] })
  endpoint('/logout', 'GET, HEAD, POST', {
    get: [readSession, createConfirmLogout(parts)],
    // The body first, however slowly it comes: a session that ends meanwhile ends no other.
    post: [readSmallBody, readSession, createLogout(parts)],
  })
  endpoint('/logged-out', 'GET, HEAD', { get: [createLoggedOut(parts)] })
  endpoint('/backchannel-logout/:provider', ofProvider('POST'), { post: [createBackChannelLogout(parts)] })
  endpoint('/frontchannel-logout/:provider', ofProvider('GET'), { get: [createFrontChannelLogout(parts)] })

  endpoint('/account', 'GET, HEAD', { get: [readSession, createAccount(parts)] })
  endpoint('/sessions', 'GET, HEAD', { get: [readHolder('sessions'), createSessions(parts)] })
  endpoint('/sessions/revoke-others', 'POST', { post: [readSmallBody, readHolder('sessions'), createRevokeOthers(parts)] })
  const revokeSession = createRevokeSession(parts)
  endpoint('/sessions/:session_id', 'DELETE', { delete: [readSmallBody, readHolder('sessions'), revokeSession] })
  endpoint('/sessions/:session_id/revoke', 'POST', { post: [readSmallBody, readHolder('sessions'), revokeSession] })

  // Without the session, the cookie and the store: whoever verifies an assertion has none of them.
  if (config.assertionKeys.length > 0) app.endpoint(assertionKeysPath, 'GET, HEAD', { get: [createAssertionKeys(config.assertionKeys)] })

  return app

  /** The same methods for every provider that there is. */
  function ofProvider(allow: string): (target: Target) => string {
    return target => {
      namedProvider(parts.providers, target)
      return allow
    }
  }
}
