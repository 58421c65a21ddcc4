import type { Request, Response } from 'express'
import type { GatewayConfig } from '../config/config.ts'
import { findCookie } from '../http/cookies.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import { isFromOtherSite } from './navigation.ts'
import { exchangeOf, sendPage } from './respond.ts'

const marker = 'bounced'

/** Answers with the bounce page where it is needed, and tells whether it did. */
export type Bounce = (req: Request, res: Response) => boolean

/**
 * Creates the same-site bounce. The Strict cookie is not sent with a visit that another site began, so nobody can tell
 * whether there is a session; a page of ours asks once more, and then the cookie comes along. Once: the marker says
 * that it has been tried.
 */
export function createBounce(deps: { readonly config: GatewayConfig; readonly cookie: { readonly name: string } }): Bounce {
  return function bounce(req, res) {
    const { target } = exchangeOf(res)
    if (!isFromOtherSite(req) || findCookie(req.headers.cookie, deps.cookie.name).count > 0) return false
    if (new URLSearchParams(target.query).has(marker)) return false
    const to = `${target.path}${target.query === '' ? '?' : `${target.query}&`}${marker}=1`
    sendPage(res, handOffPage({ brand: deps.config.pages, purpose: 'bounce', to }))
    return true
  }
}
