import { randomBytes } from 'node:crypto'

/** The smallest configuration that is accepted, a line for every option. */
export const base = `origins:
  - https://app.example.test
identityProviders:
  main:
    issuer: https://id.example.test/realms/acme
    clientId: sallyport
    clientAuth:
      secret: { env: CLIENT_SECRET }
    allow: everyone
session:
  store:
    kind: memory
  cookieKeys:
    - { env: COOKIE_KEY }
  sealingKeys:
    - { id: k1, env: SEALING_KEY }
routes:
  - path: /api/orders
    upstream: http://orders:8080
    token: access
  - path: /
    upstream: http://web:3000
    access: anyone
`

/** What the base and the cases refer to, fresh for every caller. */
export function makeEnv(): Record<string, string> {
  const key = randomBytes(32)
  return {
    CLIENT_SECRET: randomBytes(24).toString('base64url'),
    OTHER_SECRET: randomBytes(24).toString('base64url'),
    COOKIE_KEY: randomBytes(32).toString('base64url'),
    SEALING_KEY: randomBytes(32).toString('base64url'),
    SEALING_KEY_HEX: randomBytes(32).toString('hex'),
    ADMIN_TOKEN: randomBytes(32).toString('base64url'),
    OTHER_ADMIN_TOKEN: randomBytes(32).toString('base64url'),
    ORDERS_API_KEY: randomBytes(24).toString('base64url'),
    // Values with something wrong in them.
    SHORT_KEY: randomBytes(23).toString('base64url'),
    REPEATED_KEY: randomBytes(8).toString('hex').repeat(4),
    COUNTED_KEY: 'abcdefghijklmnopqrstuvwxyz0123456789',
    FLAT_KEY: 'a'.repeat(64),
    PLACEHOLDER_KEY: `change-me-${randomBytes(32).toString('base64url')}`,
    PLACEHOLDER_SECRET: 'your-client-secret',
    TOKEN_WITH_SPACES: `${randomBytes(16).toString('hex')} ${randomBytes(16).toString('hex')}`,
    ZERO_SEALING_KEY: Buffer.alloc(32).toString('base64'),
    LONG_SEALING_KEY: randomBytes(33).toString('base64'),
    SAME_AS_COOKIE: key.toString('hex'),
    SAME_AS_SEALING: key.toString('base64'),
    REDIS_URL: `redis://default:${randomBytes(12).toString('hex')}@redis:6379`,
    HALF_ENCODED_REDIS_URL: `redis://default:${randomBytes(12).toString('hex')}%@redis:6379`,
    PORT: '8443',
    WORD: 'eighty',
    EMPTY: '',
  }
}
