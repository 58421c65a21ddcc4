import type { RequestHandler } from 'express'
import { visitOf } from '../auth/respond.ts'
import type { NativeClients } from '../config/native-clients.ts'
import type { NativeClient } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import type { AddressBrake } from '../http/address-brake.ts'
import type { Exchange } from '../http/exchange.ts'
import type { Trail } from '../ops/trail.ts'
import { clientOf } from './client-of.ts'
import { OAuthError } from './oauth-error.ts'
import { readBodyParams } from './read-form.ts'

/** A token response (RFC 6749 §5.1): a handle, and nothing of the provider's. */
export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: 'Bearer'
  readonly expires_in: number
  readonly scope: string
  /** Of an exchange (RFC 8693 §2.2.1). */
  readonly issued_token_type?: string
  readonly authorization_details?: readonly object[]
}

/** A token request whose client is known. */
export interface TokenRequest {
  readonly client: NativeClient
  readonly params: URLSearchParams
  readonly exchange: Exchange
  /** Learns who it was for. */
  readonly trail: Trail
}

/** One way to a handle. @throws {OAuthError | GatewayError} */
export type Grant = (request: TokenRequest) => Promise<TokenAnswer>

export interface TokenDeps {
  readonly clients: NativeClients
  /** By grant type. */
  readonly grants: ReadonlyMap<string, Grant>
  /** Counts requests that came to nothing. */
  readonly brake: AddressBrake
}

/** POST /oauth/token: gives out handles. A form and nothing else, from whatever place: it has no cookies to be abused (NAT-29, NAT-30). */
export function createToken({ clients, grants, brake }: TokenDeps): RequestHandler {
  return async function token(req, res) {
    const { exchange, trail } = visitOf(res)
    if (brake.isOver(exchange.clientAddress)) throw new GatewayError('too_many_requests', 'too many refused token requests of this address')
    try {
      const params = readBodyParams(req)
      const client = clientOf(clients, req.headers.authorization, params)
      const type = params.get('grant_type')
      if (type === null) throw new OAuthError('invalid_request', 'The grant type is missing.')
      const grant = grants.get(type)
      if (grant === undefined) throw new OAuthError('unsupported_grant_type', 'There is no such grant type here.')
      res.json(await grant({ client, params, exchange, trail }))
    } catch (error) {
      if (error instanceof OAuthError && error.error !== 'authorization_pending') brake.count(exchange.clientAddress)
      throw error
    }
  }
}
