import { createHash } from 'node:crypto'
import type { Response } from 'express'
import { redirect, sendPage } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import { readLoopback } from '../config/redirect-form.ts'
import { handOffPage } from '../pages/hand-off-page.ts'
import { postBackPage, postBackScript } from '../pages/post-back-page.ts'
import type { CodeAnswer } from '../session/attempts.ts'
import type { OAuthError } from './oauth-error.ts'

/** How an authorization request is answered: at the client's redirect URI, with our name (RFC 9207), and with its state. */
export interface ClientAnswer {
  /** With a code: always by a page, because it answers a form of ours, whose `form-action` no redirect may leave. */
  grant(res: Response, to: CodeAnswer, code: string): void
  /**
   * With an error.
   *
   * @param purpose what the page says where one is shown
   */
  refuse(res: Response, to: Omit<CodeAnswer, 'challenge'>, error: OAuthError, purpose: 'denied' | 'failed'): void
  /** The same, where no page of ours came before: by a redirect where it can be one. */
  turnBack(res: Response, to: Omit<CodeAnswer, 'challenge'>, error: OAuthError): void
}

export function createClientAnswer({ issuer, brand }: { readonly issuer: string; readonly brand: GatewayConfig['pages'] }): ClientAnswer {
  function send(
    res: Response,
    { redirectUri, responseMode, state }: Omit<CodeAnswer, 'challenge'>,
    answer: Readonly<Record<string, string>>,
    purpose: 'returned' | 'denied' | 'failed',
  ): void {
    const params = { ...answer, ...(state === null ? {} : { state }), iss: issuer }
    if (responseMode === 'query') {
      sendPage(res, handOffPage({ brand, purpose, to: withQuery(redirectUri, params) }))
      return
    }
    res.set('content-security-policy', postingPolicy(String(res.get('content-security-policy')), redirectUri))
    sendPage(res, postBackPage({ brand, purpose, to: redirectUri, params }))
  }

  const errorParams = ({ error, message }: OAuthError) => ({ error, error_description: message })

  return {
    grant: (res, to, code) => send(res, to, { code }, 'returned'),
    refuse: (res, to, error, purpose) => send(res, to, errorParams(error), purpose),
    turnBack(res, to, error) {
      if (to.responseMode === 'form_post') return send(res, to, errorParams(error), 'failed')
      const params = { ...errorParams(error), ...(to.state === null ? {} : { state: to.state }), iss: issuer }
      redirect(res, 303, withQuery(to.redirectUri, params))
    },
  }
}

/** No redirect URI has a query of its own. */
function withQuery(redirectUri: string, params: Readonly<Record<string, string>>): string {
  return `${redirectUri}?${new URLSearchParams(params)}`
}

const scriptHash = createHash('sha256').update(postBackScript).digest('base64')

/** The policy of our pages, with room for this one form and the one line that submits it (OAuth 2.0 Form Post Response Mode §2). */
function postingPolicy(policy: string, redirectUri: string): string {
  // A policy can name no IPv6 address (CSP 3 §6.7.2.8).
  const target = readLoopback(redirectUri)?.host === '[::1]' ? 'http:' : originOf(redirectUri)
  return policy.replace("form-action 'self'", `form-action ${target};script-src 'sha256-${scriptHash}'`)
}

function originOf(uri: string): string {
  const url = new URL(uri)
  return url.origin === 'null' ? url.protocol : url.origin
}
