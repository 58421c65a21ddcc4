import { randomBytes } from 'node:crypto'
import { createCredential, formatCredential } from '../../src/session/credential.ts'
import { createFamilies } from '../../src/session/families.ts'
import { formatHandle } from '../../src/session/handle.ts'
import { createSealing } from '../../src/session/sealing.ts'
import type { SignIn } from '../../src/session/session.ts'
import { createSessionIndex } from '../../src/session/session-index.ts'
import { createRedisStore } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { makeClaims, makeToken, signCookie } from './session-parts.ts'
import { tokenLengths } from './subject.ts'

export interface GatewaySecrets {
  readonly cookieKey: string
  /** 32 bytes, base64url. */
  readonly sealingKey: string
}

export interface SessionsOptions {
  readonly count: number
  readonly redisUrl: string
  readonly namespace: string
  readonly secrets: GatewaySecrets
  /** The origin that the sessions belong to. */
  readonly origin: string
  readonly cookieName: string
  /** The native client that has them, by handles; null for browsers. */
  readonly clientId: string | null
}

/**
 * Begins sessions as a sign-in would, sealed as in production, with 3 KiB of tokens each.
 *
 * @returns the Cookie header of each, or the Authorization header of each handle
 */
export async function makeSessions(options: SessionsOptions): Promise<readonly string[]> {
  const { redisUrl, namespace, secrets, origin, cookieName, clientId } = options
  const grant = { name: 'Bench', resources: null, scopes: ['orders.read'], redeemedFrom: '127.0.0.1', codeHash: null }
  const client = clientId === null ? {} : { client: { id: clientId, ...grant } }
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
      await families.create(credential, describeSignIn(index), { origin, device: 'Firefox on Linux', address: '127.0.0.1', ...client })
      const cookie = `${cookieName}=${signCookie(formatCredential(credential), secrets.cookieKey)}`
      cookies.push(clientId === null ? cookie : `Bearer ${formatHandle(credential)}`)
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
    idToken: { token: makeToken(tokenLengths.id), expiresAt: now + 3_600_000, refreshedAt: now },
    refreshToken: makeToken(tokenLengths.refresh),
    grantExpiresAt: null,
    audiences: null,
    scopes: ['openid', 'orders.read'],
    access: { token: makeToken(tokenLengths.access), scopes: ['openid', 'orders.read'], expiresAt: now + 12 * 3_600_000, refreshedAt: now },
    claims: makeClaims(index),
  }
}
