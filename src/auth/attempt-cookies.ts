import type { Request, Response } from 'express'
import type { ProviderConfig, SessionConfig } from '../config/config.ts'
import { attemptCookiePrefix, findCookie, serializeCookie } from '../http/cookies.ts'
import { type AttemptTicket, attemptLifeMs } from '../session/attempts.ts'
import { isBase64Url } from '../session/credential.ts'

/** So many sign-ins can be open in one browser at once; a new one drops the oldest. */
const mostAttempts = 5
// Nobody has more than that by using us; whoever planted more gets them cleared over several visits.
const mostClearedAtOnce = 20

const idLength = 22
const secretLength = 43
const shortIdLength = 8

/** The cookies that bind sign-in attempts to the browser that began them: `<session cookie>.attempt.<8 characters of the id>`. */
export interface AttemptCookies {
  /**
   * Hands the ticket to the browser, in a cookie that comes along with the provider's answer, and takes the oldest
   * ones away where there would be too many.
   */
  give(req: Request, res: Response, ticket: AttemptTicket, responseMode: ProviderConfig['responseMode']): void
  /** The ticket of this very attempt; null when the browser has none, two, or another one's. */
  find(req: Request, id: string): AttemptTicket | null
  clear(res: Response, id: string): void
}

export function createAttemptCookies(config: SessionConfig['cookie']): AttemptCookies {
  const prefix = attemptCookiePrefix(config)
  const nameOf = (id: string) => prefix + id.slice(0, shortIdLength)
  const isSecure = !config.insecure
  const forget = (res: Response, name: string) =>
    res.append('set-cookie', serializeCookie(name, '', { isSecure, sameSite: 'Lax', maxAgeSeconds: 0 }))

  return {
    give(req, res, ticket, responseMode) {
      // Browsers send the cookies of one path in the order in which they were made, the oldest first (RFC 6265
      // §5.4): the cookie needs no time in it, which whoever holds it could change.
      const open = cookieNames(req.headers.cookie).filter(name => name.startsWith(prefix))
      const surplus = open.slice(0, Math.max(0, open.length - mostAttempts + 1))
      for (const name of surplus.slice(0, mostClearedAtOnce)) if (isShortId(name.slice(prefix.length))) forget(res, name)
      // The provider sends the browser back from another site: by a link, which brings Lax cookies along, or by a
      // form, which brings only those with None (CKE-04).
      const sameSite = responseMode === 'form_post' ? 'None' : 'Lax'
      const value = `${ticket.id}.${ticket.secret}`
      res.append('set-cookie', serializeCookie(nameOf(ticket.id), value, { isSecure, sameSite, maxAgeSeconds: attemptLifeMs / 1000 }))
    },

    find(req, id) {
      const { value, count } = findCookie(req.headers.cookie, nameOf(id))
      if (count !== 1 || value.length !== idLength + 1 + secretLength || !value.startsWith(`${id}.`)) return null
      const secret = value.slice(idLength + 1)
      return isBase64Url(secret) ? { id, secret } : null
    },

    clear: (res, id) => void forget(res, nameOf(id)),
  }
}

/** Whether text is an attempt's id: what passes is safe in a cookie name and in a store key. */
export function isAttemptId(text: string): boolean {
  return text.length === idLength && isBase64Url(text)
}

function isShortId(text: string): boolean {
  return text.length === shortIdLength && isBase64Url(text)
}

function cookieNames(header = ''): string[] {
  return header.split(';').map(pair => pair.slice(0, Math.max(0, pair.indexOf('='))).trim())
}
