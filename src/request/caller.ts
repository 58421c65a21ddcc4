import type { RouteRule } from '../config/config.ts'
import type { RequestHead } from '../http/request-head.ts'
import type { KeptToken, SignedIn } from '../session/session.ts'
import type { ClientTokens } from '../tokens/client-token.ts'
import type { Renew } from '../tokens/renew.ts'
import { isRenewable, tokenOf } from '../tokens/token-of.ts'
import { hasOwnScopes, requireScopes } from './access.ts'

/** Who a request is for, and what it shows to the upstream. */
export interface Caller {
  readonly signedIn: SignedIn | null
  /** The token that goes along; null where none of ours does. */
  readonly token: KeptToken | null
  /** The value of Authorization; null for none. */
  readonly authorization: string | null
}

export interface CallerDeps {
  readonly freshToken: (signedIn: SignedIn, demand: Parameters<Renew>[1]) => SignedIn | Promise<SignedIn>
  readonly renew: (signedIn: SignedIn, demand: Parameters<Renew>[1]) => Promise<SignedIn>
  readonly clientTokens: ClientTokens
}

/** The stage that gets the token of a route. */
export interface CallerStage {
  /**
   * The caller with a token that outlives the request, where the route attaches one.
   *
   * @throws {GatewayError} what `Renew` and `ClientTokens` throw; `insufficient_scope`
   */
  freshToken(req: RequestHead, route: RouteRule, signedIn: SignedIn | null): Caller | Promise<Caller>
  /** The same with another token than the one that was refused, or the one that there is by now. */
  renew(route: RouteRule, caller: Caller): Promise<Caller>
  /** Whether there is a way to another token. */
  isRenewable(route: RouteRule, caller: Caller): boolean
}

export function createCallerStage({ freshToken, renew, clientTokens }: CallerDeps): CallerStage {
  return {
    freshToken(req, route, signedIn) {
      const { token } = route
      if (token === null) return withoutToken(signedIn)
      if (token.kind === 'passthrough') return { signedIn: null, token: null, authorization: ownOf(req) }
      if (signedIn === null) return withoutToken(null)
      if (token.kind === 'client') return then(clientTokens.fresh(token), held => withToken(signedIn, held))
      return then(freshToken(signedIn, token), renewed => callerOf(route, renewed))
    },

    async renew(route, { signedIn, token: refused }) {
      const { token } = route
      if (token === null || token.kind === 'passthrough' || signedIn === null) throw new TypeError('there is no token to renew')
      if (token.kind === 'client') return withToken(signedIn, await clientTokens.renew(token, refused?.token ?? ''))
      return callerOf(route, await renew(signedIn, token))
    },

    isRenewable({ token }, { signedIn }) {
      if (token === null || token.kind === 'passthrough' || signedIn === null) return false
      return token.kind === 'client' || isRenewable(signedIn.vault, token)
    },
  }
}

/**
 * What a session shows on a route whose token it has. A token of its own making has scopes of its own, which nobody
 * knows before it is there.
 *
 * @throws {GatewayError} `insufficient_scope`
 */
export function callerOf({ token, require }: RouteRule, signedIn: SignedIn): Caller {
  if (token === null || token.kind === 'passthrough' || token.kind === 'client') return withoutToken(signedIn)
  const held = tokenOf(signedIn.vault, token)
  if (held === undefined) throw new TypeError('the session has no token for this route')
  if (require.scopes.length > 0 && hasOwnScopes(token)) requireScopes(require.scopes, signedIn, token.slot)
  return withToken(signedIn, held)
}

/** Made once for each token: a string that was just put together is copied when it is first looked at. */
const bearers = new WeakMap<KeptToken, string>()

function withToken(signedIn: SignedIn, token: KeptToken): Caller {
  let authorization = bearers.get(token)
  if (authorization === undefined) {
    authorization = `Bearer ${token.token}`
    bearers.set(token, authorization)
  }
  return { signedIn, token, authorization }
}

function withoutToken(signedIn: SignedIn | null): Caller {
  return { signedIn, token: null, authorization: null }
}

// Under whatever scheme, or none: one that we do not read as a handle may still be a good one.
const handleAnywhere = /(?:^|[\s"=,:])spt_/i

/** What the client sent, unchanged: but for a handle of ours (contract.md section 1), which is no upstream's to see. */
function ownOf({ headers: { authorization } }: RequestHead): string | null {
  return authorization === undefined || handleAnywhere.test(authorization) ? null : authorization
}

/** Without a promise where there is nothing to wait for. */
function then<Value, Result>(value: Value | Promise<Value>, next: (value: Value) => Result): Result | Promise<Result> {
  return value instanceof Promise ? value.then(next) : next(value)
}
