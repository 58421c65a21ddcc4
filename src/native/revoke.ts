import type { RequestHandler, Response } from 'express'
import { exchangeOf, visitOf } from '../auth/respond.ts'
import type { NativeClients } from '../config/native-clients.ts'
import { GatewayError } from '../errors.ts'
import type { AddressBrake } from '../http/address-brake.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import type { Families, FamilyState } from '../session/families.ts'
import { parseHandle } from '../session/handle.ts'
import type { Credential } from '../session/session.ts'
import { subjectOf } from '../session/subject.ts'
import type { Endings } from '../tokens/endings.ts'
import { clientOf } from './client-of.ts'
import { readBodyParams, required } from './read-form.ts'

export interface RevokeHandleDeps {
  readonly clients: NativeClients
  readonly families: Families
  readonly endings: Endings
  readonly brake: AddressBrake
  readonly audit: Audit
}

/**
 * POST /oauth/revoke (RFC 7009): ends the session of a handle, and gives its tokens back to the provider. Whoever holds
 * it may: a client need not say which one it is, and an unknown handle is as good as revoked.
 *
 * @throws {OAuthError} `invalid_request`, `invalid_client`; {GatewayError} `store_unavailable`: it lives on
 */
export function createRevokeHandle({ clients, families, endings, brake, audit }: RevokeHandleDeps): RequestHandler {
  return async function revokeHandle(req, res) {
    const { clientAddress } = exchangeOf(res)
    if (brake.isOver(clientAddress)) throw new GatewayError('too_many_requests', 'too many handles of this address are none')
    const params = readBodyParams(req)
    const { authorization } = req.headers
    if (authorization !== undefined || params.has('client_id')) clientOf(clients, authorization, params)
    const token = required(params, 'token')
    const credential = parseHandle(token)
    const family = credential === null ? null : await families.read(credential)
    if (credential !== null && family?.state === 'live' && family.signedIn.record.client !== undefined) {
      const { trail } = visitOf(res)
      trail.subject = subjectOf(family.signedIn)
      await endings.signOut(credential)
      auditOf(audit, trail)('logout', { outcome: 'ok' })
    } else if (!(await endBehind(credential, family, res)) && (family === null || family.state === 'none')) brake.count(clientAddress)
    // RFC 7009 §2.2 has clients look at the status alone. Some read JSON all the same, and wait for it without end.
    res.json({})
  }

  /** A root that is only not used any more has ended, and its agents have not: its holder wants them gone as well. */
  async function endBehind(credential: Credential | null, family: FamilyState | null, res: Response): Promise<boolean> {
    if (credential === null || family?.state === 'live') return false
    const record = await endings.signOutBehind(credential)
    if (record === null) return false
    const { provider, sub, client } = record
    const { trail } = visitOf(res)
    trail.subject = { provider, sub, session_id: credential.familyId, kind: 'native', client_id: client?.id ?? '' }
    auditOf(audit, trail)('logout', { outcome: 'ok' })
    return true
  }
}
