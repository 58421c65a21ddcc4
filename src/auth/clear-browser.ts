import type { Response } from 'express'
import { clearCookie } from '../http/cookies.ts'

/**
 * Takes back what this browser holds, once its session is over: the cookie, and what the signed-in application kept. Not
 * "cookies": that would take those of every sibling host along. And only on answers which other sites cannot bring about.
 */
export function clearBrowser(res: Response, cookie: { readonly name: string; readonly isSecure: boolean }): void {
  res.append('set-cookie', clearCookie(cookie.name, { isSecure: cookie.isSecure }))
  res.set('clear-site-data', '"cache", "storage"')
}
