import { GatewayError, type GatewayErrorCode, type GatewayErrorOptions } from '../errors.ts'
import type { Subject } from '../ops/trail.ts'

/**
 * The refusal of somebody who is known all the same: the secret opened the session, which may not be used like this. The
 * lines about the request name them. Of whoever only names a session, nothing is known.
 */
export class RefusedHolder extends GatewayError {
  readonly subject: Subject

  constructor(subject: Subject, code: GatewayErrorCode, message: string, options: GatewayErrorOptions) {
    super(code, message, options)
    this.subject = subject
  }
}
