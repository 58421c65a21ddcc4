import type { RequestHandler } from 'express'
import type { CountAttempt } from '../auth/count-attempt.ts'
import { exchangeOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClients } from '../config/native-clients.ts'
import type { NativeClient, NativeConfig } from '../config/native-config.ts'
import { createRecent } from '../session/recent.ts'
import { readScopes } from './authorization-request.ts'
import { type BeginSession, codeRefused, parseCode } from './begin-session.ts'
import { clientOf } from './client-of.ts'
import { type DeviceRequests, deviceLifeMs } from './device-requests.ts'
import { OAuthError } from './oauth-error.ts'
import { readBodyParams, required } from './read-form.ts'
import type { Resources } from './resources.ts'
import type { Grant } from './token.ts'

/** RFC 8628 §3.2, §3.5: how often a device may ask, and by how much longer it must wait once it was too fast. */
const intervalSeconds = 5
/** A device that is a little early, by the way its polls travel, is not too fast. */
const toleranceMs = 1_000

export const deviceGrantType = 'urn:ietf:params:oauth:grant-type:device_code'

export interface DeviceAuthorizationDeps {
  readonly config: Pick<GatewayConfig, 'paths'>
  readonly native: NativeConfig
  readonly clients: NativeClients
  readonly resources: Resources
  readonly devices: DeviceRequests
  readonly countAttempt: CountAttempt
}

/** POST /oauth/device_authorization (RFC 8628 §3.1). */
export function createDeviceAuthorization({
  config,
  native,
  clients,
  resources,
  devices,
  countAttempt,
}: DeviceAuthorizationDeps): RequestHandler {
  const place = native.origin.href + config.paths.device

  return async function deviceAuthorization(req, res) {
    const { clientAddress } = exchangeOf(res)
    const params = readBodyParams(req)
    const client = clientOf(clients, req.headers.authorization, params)
    requireDevice(client)
    const scopes = readScopes(params.get('scope'), client.scopes)
    const ask = { clientId: client.id, scopes, resources: resources.read(params.getAll('resource')) }
    await countAttempt(clientAddress)
    const { deviceCode, userCode } = await devices.begin(ask, clientAddress)
    res.json({
      device_code: deviceCode,
      user_code: userCode,
      verification_uri: place,
      verification_uri_complete: `${place}?user_code=${userCode}`,
      expires_in: deviceLifeMs / 1000,
      interval: intervalSeconds,
    })
  }
}

/** The switch of the operator, for each client. */
function requireDevice({ device }: NativeClient): void {
  if (!device) throw new OAuthError('unauthorized_client', 'This client may not sign in by a device code.')
}

export interface RedeemDeviceCodeDeps {
  readonly devices: DeviceRequests
  readonly session: BeginSession
  readonly now: () => number
}

/** The grant of RFC 8628 §3.4: what the person has decided, to the device that asks for it. */
export function createRedeemDeviceCode({ devices, session, now }: RedeemDeviceCodeDeps): Grant {
  /** In this process: a device that asks several replicas in turn is slowed down less. */
  const polls = createRecent<{ readonly at: number; readonly intervalMs: number }>({ limit: 4096, generationMs: deviceLifeMs, now })

  function slowDown(id: string): void {
    const { at, intervalMs } = polls.get(id) ?? { at: 0, intervalMs: intervalSeconds * 1000 }
    const isEarly = now() - at < intervalMs - toleranceMs
    const next = isEarly ? intervalMs + intervalSeconds * 1000 : intervalMs
    polls.set(id, { at: now(), intervalMs: next })
    if (isEarly) throw new OAuthError('slow_down', `Ask every ${next / 1000} seconds.`)
  }

  return async function redeemDeviceCode(request) {
    requireDevice(request.client)
    const code = parseCode(required(request.params, 'device_code'))
    const found = code === null ? null : await devices.open(code)
    if (code === null || found === null) throw codeRefused({ reason: 'code_unknown' })
    if (found.ask.clientId !== request.client.id) throw codeRefused({ reason: 'client_mismatch' })
    const answer = await devices.outcome(code.id)
    if (answer === 'spent') throw await session.replayed(code, request)
    if (now() - found.startedAt >= deviceLifeMs) throw new OAuthError('expired_token', 'Nobody has approved it in time. Begin anew.')
    if (answer === null) {
      slowDown(code.id)
      throw new OAuthError('authorization_pending', 'The person has not answered yet.')
    }
    if (!answer.outcome.isApproved) throw new OAuthError('access_denied', 'The person said no.')
    return await session.begin(code, answer.outcome, answer.take, request)
  }
}
