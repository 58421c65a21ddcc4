import type { Request, RequestHandler, Response } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Provider } from '../oidc/provider.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { confirmLogoutPage } from '../pages/confirm-logout-page.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import { signedOutPage } from '../pages/signed-out-page.ts'
import { endSession } from '../session/express-session.ts'
import type { SignedIn } from '../session/session.ts'
import type { Endings } from '../tokens/endings.ts'
import type { Bounce } from './bounce.ts'
import { clearBrowser } from './clear-browser.ts'
import type { RefuseForeign } from './endpoints.ts'
import { liveSession } from './live-session.ts'
import type { Proofs } from './proofs.ts'
import { readQuery } from './query.ts'
import { exchangeOf, redirect, sendPage, visitOf } from './respond.ts'
import { isOwnForm } from './small-body.ts'

export interface LogoutDeps {
  readonly config: GatewayConfig
  readonly providers: ReadonlyMap<string, Provider>
  readonly cookie: { readonly name: string; readonly isSecure: boolean }
  readonly proofs: Proofs
  readonly bounce: Bounce
  readonly refuseForeign: RefuseForeign
  readonly endings: Endings
  readonly audit: Audit
}

/**
 * POST /auth/logout: ends the session here, then tells the browser where the provider ends its own. The local end
 * comes first and does not depend on the provider; without a session the answer is the same.
 *
 * @throws {GatewayError} `cross_site_refused`; `store_unavailable`: the session lives on and the cookie is kept
 */
export function createLogout(deps: LogoutDeps): RequestHandler {
  return async function logout(req, res) {
    const exchange = exchangeOf(res)
    const signedIn = liveSession(req, exchange.target.origin)
    deps.refuseForeign(req, exchange, isOwnForm(req, deps.proofs, signedIn))

    if (signedIn !== null) await end(req, res, signedIn)
    clearBrowser(res, deps.cookie)
    const url = await findLogoutUrl(exchange, signedIn)
    if (req.accepts(['html', 'json']) === 'json') res.json({ logout_url: url })
    // A redirect would be held to the `form-action 'self'` of the page with the form.
    else sendPage(res, handOffPage({ brand: deps.config.pages, purpose: 'sign_out', to: url }))
  }

  /**
   * Here first: nothing that comes after, and nobody elsewhere, can keep it alive. But before that the user's others,
   * where they are meant too: who is signed out could not ask again for what did not succeed.
   */
  async function end(req: Request, res: Response, { credential, record, sessionId }: SignedIn): Promise<void> {
    const isEverywhere = String((req.body as { everywhere?: unknown } | undefined)?.everywhere) === 'true'
    if (isEverywhere) await deps.endings.all(record, 'logged_out_everywhere', { except: sessionId })
    await deps.endings.signOut(credential)
    await endSession(req)
    auditOf(deps.audit, visitOf(res).trail)('logout', { outcome: 'ok', ...(isEverywhere ? { reason: 'everywhere' } : {}) })
  }

  /** The provider's place to sign out, or ours when it has none or does not answer. */
  async function findLogoutUrl(exchange: Exchange, signedIn: SignedIn | null): Promise<string> {
    const path = `${deps.config.paths.base}/logged-out`
    const state = deps.proofs.logoutState()
    const provider = signedIn === null ? undefined : deps.providers.get(signedIn.record.provider)
    if (signedIn === null || provider === undefined) return `${path}?state=${state}`
    const url = await provider.endSessionUrl({
      idToken: signedIn.vault.idToken,
      logoutHint: logoutHint(signedIn),
      postLogoutRedirectUri: exchange.target.origin.href + path,
      state,
    })
    return url === null ? `${path}?state=${state}` : url.href
  }
}

/** GET /auth/logout: asks. A link, an image or a prefetch signs nobody out. */
export function createConfirmLogout(deps: Pick<LogoutDeps, 'config' | 'bounce' | 'proofs'>): RequestHandler {
  const { base } = deps.config.paths

  return function confirmLogout(req, res) {
    if (deps.bounce(req, res)) return
    const signedIn = liveSession(req, exchangeOf(res).target.origin)
    if (signedIn === null) return sendPage(res, signedOutPage({ brand: deps.config.pages, loginPath: `${base}/login` }))
    const formToken = deps.proofs.formToken(signedIn.credential)
    sendPage(res, confirmLogoutPage({ brand: deps.config.pages, logoutPath: `${base}/logout`, formToken }))
  }
}

/**
 * GET /auth/logged-out: where the provider sends the browser back to. With the state that we gave it, on to
 * `logout.landing`; without, or with any other, a page that leads nowhere by itself.
 */
export function createLoggedOut(deps: Pick<LogoutDeps, 'config' | 'proofs'>): RequestHandler {
  const { landing } = deps.config.logout

  return function loggedOut(_req, res) {
    const isOurs = deps.proofs.isLogoutState(readQuery(exchangeOf(res).target).get('state'))
    if (isOurs && landing !== undefined) return redirect(res, 303, landing)
    sendPage(res, signedOutPage({ brand: deps.config.pages, loginPath: `${deps.config.paths.base}/login` }))
  }
}

/** Tells the provider whom to sign out: the hint that it made for this, where it made one, else the subject. */
function logoutHint({ record, vault }: SignedIn): string {
  const hint = vault.claims.login_hint
  return typeof hint === 'string' ? hint : record.sub
}
