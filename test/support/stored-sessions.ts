import { createHmac, randomBytes } from 'node:crypto'
import { createCredential, formatCredential } from '../../src/session/credential.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { SignIn } from '../../src/session/session.ts'
import { createRedisStore } from '../../src/store/redis.ts'
import { eventually } from './eventually.ts'
import { beginning, makeFamilies } from './families.ts'

export interface StoredSessionsOptions {
  readonly count: number
  readonly redisUrl: string
  /** The cookie key and the sealing key `k1` of the gateways that are to take them. */
  readonly secrets: Readonly<Record<string, string>>
  /** What the provider said of the session with this number. */
  readonly signIn: (index: number) => SignIn
}

/** Begins sessions without a sign-in, as a gateway would have stored them. Gives the value of each one's cookie. */
export async function storeSessions({ count, redisUrl, secrets, signIn }: StoredSessionsOptions): Promise<readonly string[]> {
  const { COOKIE_KEY = '', SEALING_KEY = '' } = secrets
  const store = createRedisStore({ url: redisUrl, namespace: 'sp' })
  const sealing = createSealing([{ id: 'k1', key: Buffer.from(SEALING_KEY, 'base64url') }])
  const families = makeFamilies({ store, sealing, now: Date.now })
  const credentials = Array.from({ length: count }, () => createCredential(randomBytes))
  try {
    await eventually(() =>
      store.ping().then(
        () => true,
        () => false,
      ),
    )
    await Promise.all(credentials.map((credential, index) => families.create(credential, signIn(index), beginning)))
  } finally {
    await store.close()
  }
  return credentials.map(credential => sign(formatCredential(credential), COOKIE_KEY))
}

/** As express-session does it (cookie-signature): HMAC-SHA-256, base64 without padding. */
function sign(value: string, key: string): string {
  return encodeURIComponent(`s:${value}.${createHmac('sha256', key).update(value).digest('base64').replaceAll('=', '')}`)
}
