import { setTimeout } from 'node:timers/promises'
import { CommandError, exitCode } from '../terminal.ts'
import type { AuthorizationServer } from './authorization-server.ts'
import { callGateway, textOf } from './gateway-call.ts'
import { clientId, type Issued, OAuthError, oauthError, requestToken } from './token-call.ts'

/** A device authorization that waits for its person (RFC 8628 §3.2). The device code is a secret. */
export interface DeviceAttempt {
  readonly deviceCode: string
  readonly userCode: string
  readonly verificationUri: string
  readonly intervalMs: number
  /** By this machine's clock, epoch milliseconds. */
  readonly expiresAt: number
}

export interface Clock {
  now(): number
  /** Rejects when the signal is aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => setTimeout(ms, undefined, { signal }).catch(() => Promise.reject(signal.reason)),
}

/** @throws {CommandError} what the gateway answers */
export async function beginDevice(
  server: AuthorizationServer,
  wish: { readonly scope: string | undefined; readonly now: number; readonly signal?: AbortSignal },
): Promise<DeviceAttempt> {
  const endpoint = server.deviceEndpoint
  if (endpoint === null) throw new CommandError(`${server.issuer} offers no codes for other devices`, exitCode.other)
  const form = { client_id: clientId, ...(wish.scope === undefined ? {} : { scope: wish.scope }) }
  const answer = await callGateway(endpoint, { form, ...(wish.signal === undefined ? {} : { signal: wish.signal }) })
  const { body } = answer
  const [deviceCode, userCode, verificationUri] = ['device_code', 'user_code', 'verification_uri'].map(name => textOf(body, name))
  if (answer.status !== 200 || !deviceCode || !userCode || !verificationUri) throw oauthError(answer, server.issuer)
  if (URL.parse(verificationUri)?.origin !== server.issuer)
    throw new CommandError(`${server.issuer} sends people to another server: stopped`, exitCode.securityStop)
  return {
    deviceCode,
    userCode,
    verificationUri,
    intervalMs: seconds(body.interval, 5),
    expiresAt: wish.now + seconds(body.expires_in, 600),
  }
}

/**
 * Asks until the person has decided. `slow_down` adds 5 s each time (RFC 8628 §3.5); a gateway that cannot be reached
 * for a moment is asked again, at longer and longer intervals.
 *
 * @param signals `settled` ends the waiting, not a call that is under way; `cancelled` ends both
 * @throws {CommandError} 3 denied, 5 when the code ran out; a signal's reason when that is aborted
 */
export async function pollDevice(
  server: AuthorizationServer,
  attempt: DeviceAttempt,
  clock: Clock,
  signals: { readonly settled: AbortSignal; readonly cancelled: AbortSignal },
): Promise<Issued> {
  const form = { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code: attempt.deviceCode }
  let waitMs = attempt.intervalMs
  while (clock.now() < attempt.expiresAt) {
    await clock.sleep(waitMs, signals.settled)
    try {
      // Not ended by another way that was faster: an answer may hold a handle, which must then be revoked.
      return await requestToken(server, form, signals.cancelled)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      const name = error instanceof OAuthError ? error.error : ''
      if (name === 'slow_down') waitMs += 5000
      else if (error.exitCode === exitCode.unreachable) waitMs = Math.min(waitMs * 2, 60_000)
      else if (name !== 'authorization_pending') throw error
    }
    signals.settled.throwIfAborted()
  }
  throw new CommandError('nobody signed in before the code ran out: run it again (expired_token)', exitCode.timedOut)
}

/** At least one second, as what is polled without a pause is an attack; and an hour at most, as timers end where years begin. */
function seconds(value: unknown, byDefault: number): number {
  return (typeof value === 'number' && value >= 1 ? Math.min(value, 3600) : byDefault) * 1000
}
