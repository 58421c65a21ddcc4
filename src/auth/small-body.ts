import express, { type Request, type RequestHandler } from 'express'
import { GatewayError } from '../errors.ts'
import { letBodyCome } from '../http/expect-continue.ts'
import type { SignedIn } from '../session/session.ts'
import { bodyError } from './body-error.ts'
import type { Proofs } from './proofs.ts'

// A form token and the names around it take 60 bytes.
const limit = '4kb'
const parseForm = express.urlencoded({ extended: false, limit, inflate: false, parameterLimit: 10 })
const parseJson = express.json({ limit, inflate: false })

/**
 * Reads the small body of a request that changes something into `req.body`: a form, JSON, or nothing. Any other type is
 * refused: a plain text body is one that another site could send unasked (CSRF-07).
 *
 * @throws {GatewayError} `bad_request` (`content_type`, `body`), `body_too_large`
 */
export const readSmallBody: RequestHandler = (req, res, next) => {
  const { 'content-length': length, 'transfer-encoding': coding } = req.headers
  if (coding === undefined && (length === undefined || length === '0')) return next()
  const type = req.is(['urlencoded', 'json'])
  if (type === false || type === null) throw new GatewayError('bad_request', 'the body is no form and no JSON', { reason: 'content_type' })
  const parse = type === 'json' ? parseJson : parseForm
  letBodyCome(req, res)
  parse(req, res, error => next(error === undefined ? undefined : bodyError(error)))
}

/** Whether the body holds the token of a form that we made for this very session. */
export function isOwnForm(req: Request, proofs: Proofs, signedIn: SignedIn | null): boolean {
  const token = (req.body as { form_token?: unknown } | undefined)?.form_token
  return signedIn !== null && proofs.isFormToken(signedIn.credential, token)
}
