import type { SessionConfig } from '../config/config.ts'
import { networkOf } from '../http/client-address.ts'
import type { AdmitWithin } from '../store/limiter.ts'

/** Counts a sign-in that begins. @throws {GatewayError} `too_many_requests` */
export type CountAttempt = (clientAddress: string) => Promise<void>

/**
 * Creates the count of sign-ins. Anybody can begin one, and the store keeps each: without a bound it could be filled
 * (docs/decisions/016). One after the other, so that what is refused to one address uses up nothing of what is everybody's.
 */
export function createCountAttempt({ attempts }: Pick<SessionConfig, 'attempts'>, admitWithin: AdmitWithin): CountAttempt {
  const { perMinute } = attempts

  return async function countAttempt(clientAddress) {
    await admitWithin([{ kind: 'attempts_address', perMinute: perMinute.address, whose: [networkOf(clientAddress)] }])
    await admitWithin([{ kind: 'attempts', perMinute: perMinute.all, whose: [] }])
  }
}
