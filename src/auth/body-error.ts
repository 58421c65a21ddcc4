import { GatewayError } from '../errors.ts'

/**
 * What Express's body parsers threw, in our words.
 *
 * @returns `bad_request` (`body`), or `body_too_large`
 */
export function bodyError(error: unknown): GatewayError {
  const isTooLarge = error instanceof Error && 'status' in error && error.status === 413
  return isTooLarge
    ? new GatewayError('body_too_large', 'the endpoint takes a small body', { cause: error })
    : new GatewayError('bad_request', 'the body cannot be read', { cause: error, reason: 'body' })
}
