import { createHmac, randomBytes } from 'node:crypto'
import { createCredential, formatCredential } from '../src/session/credential.ts'
import { createFamilies } from '../src/session/families.ts'
import { createSealing } from '../src/session/sealing.ts'
import type { SignIn } from '../src/session/session.ts'
import { createSessionIndex } from '../src/session/session-index.ts'
import { createRedisStore } from '../src/store/redis.ts'
import type { Store } from '../src/store/store.ts'
import type { BenchSecrets } from './gateway.ts'

export interface SessionsOptions {
  readonly count: number
  readonly redisUrl: string
  readonly namespace: string
  readonly secrets: BenchSecrets
  /** The origin that the sessions belong to. */
  readonly origin: string
  readonly cookieName: string
}

/**
 * Begins sessions as a sign-in would, sealed as in production, with 3 KiB of tokens each.
 *
 * @returns the Cookie header of each
 */
export async function makeSessions(options: SessionsOptions): Promise<readonly string[]> {
  const { redisUrl, namespace, secrets, origin, cookieName } = options
  const hour = 3_600_000
  const store = createRedisStore({ url: redisUrl, namespace })
  const families = createFamilies({
    store,
    sealing: createSealing([{ id: 'k1', key: Buffer.from(secrets.sealingKey, 'base64url') }]),
    index: createSessionIndex({ store, now: Date.now }),
    settings: { idleTimeoutMs: hour, absoluteTimeoutMs: 12 * hour, sealing: 'holder' },
    now: Date.now,
    audit: () => undefined,
    onLapsed: () => undefined,
  })

  try {
    await waitUntilConnected(store)
    const cookies: string[] = []
    for (let index = 0; index < options.count; index += 1) {
      const credential = createCredential(randomBytes)
      await families.create(credential, describeSignIn(index), { origin, device: 'Firefox on Linux', address: '127.0.0.1' })
      cookies.push(`${cookieName}=${sign(formatCredential(credential), secrets.cookieKey)}`)
    }
    return cookies
  } finally {
    await store.close()
  }
}

/** The store connects in the background, and rejects until it has. */
async function waitUntilConnected(store: Store): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await store.ping()
    } catch (error) {
      if (attempt === 100) throw error
      await new Promise(resolve => setTimeout(resolve, 25))
    }
  }
}

function describeSignIn(index: number): SignIn {
  const now = Date.now()
  return {
    provider: 'bench',
    sub: `user-${index}`,
    authTime: now,
    acr: null,
    amr: ['pwd'],
    sid: randomBytes(16).toString('base64url'),
    // 900 + 64 + 1062 characters, and claims: what providers with a few groups and roles hand out.
    idToken: { token: makeToken(900), expiresAt: now + 3_600_000, refreshedAt: now },
    refreshToken: randomBytes(48).toString('base64url'),
    grantExpiresAt: null,
    audiences: null,
    scopes: ['openid', 'orders.read'],
    access: { token: makeToken(1062), scopes: ['openid', 'orders.read'], expiresAt: now + 12 * 3_600_000, refreshedAt: now },
    claims: {
      name: `User ${index}`,
      email: `user-${index}@example.com`,
      groups: Array.from({ length: 40 }, (_, group) => `department-${group}`),
    },
  }
}

/** As long as a JWT, and as hard to compress. */
export function makeToken(length: number): string {
  return `eyJ${randomBytes(length).toString('base64url')}`.slice(0, length)
}

/** As express-session does it (cookie-signature): HMAC-SHA-256, base64 without padding. */
function sign(value: string, key: string): string {
  const signature = createHmac('sha256', key).update(value).digest('base64').replaceAll('=', '')
  return encodeURIComponent(`s:${value}.${signature}`)
}
