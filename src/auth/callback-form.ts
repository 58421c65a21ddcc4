import express, { type RequestHandler } from 'express'
import { GatewayError } from '../errors.ts'
import { letBodyCome } from '../http/expect-continue.ts'
import { bodyError } from './body-error.ts'

// Codes are opaque and some providers put all they know into them; Node takes as much in an address.
const parse = express.raw({ type: 'urlencoded', limit: '16kb', inflate: false })

/**
 * Reads the form in which a provider answers into `req.body`, as bytes. It is form encoded and nothing else: a page of
 * another site can post plain text and multipart too, but no provider does (OAuth 2.0 Form Post Response Mode §2).
 *
 * @throws {GatewayError} `bad_request` (`content_type`, `body`), `body_too_large`
 */
export const readCallbackForm: RequestHandler = (req, res, next) => {
  if (!req.is('urlencoded')) throw new GatewayError('bad_request', 'a provider answers with a form', { reason: 'content_type' })
  letBodyCome(req, res)
  parse(req, res, error => next(error === undefined ? undefined : bodyError(error)))
}
