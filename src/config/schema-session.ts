import { z } from 'zod'
import { claimName } from './schema-provider.ts'
import { store } from './schema-store.ts'
import { distinct, duration, flag, secret, text, whole, word } from './schema-values.ts'

const sealingKey = () =>
  z
    .strictObject({
      id: word(/^[A-Za-z0-9_-]{1,32}$/, '1 to 32 letters, digits, _ and -').describe('Public name of the key; stands in every record.'),
      env: text().optional().describe('Environment variable that holds the key: 32 bytes in base64, base64url or hex.'),
      file: text().optional().describe('File that holds the key, likewise.'),
    })
    .meta({ oneOf: [{ required: ['env'] }, { required: ['file'] }] })

/** Sessions: where they are kept, under which keys, and for how long. */
export const session = () =>
  z.strictObject({
    store: store().describe('Where sessions are kept.'),
    cookie: z
      .strictObject({
        name: word(/^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/, 'a cookie name of 1 to 32 letters, digits, _ and -; its prefix is added')
          .default('sallyport')
          .describe('Name of the session cookie, after the prefix __Host-Http- (none with insecure: true).'),
        insecure: flag().prefault(false).describe('Drops Secure and the prefix, for http on loopback; refused with any other origin.'),
      })
      .prefault({})
      .describe('The session cookie. Always HttpOnly, SameSite=Strict, Path=/, without Domain.'),
    cookieKeys: z
      .array(secret())
      .min(1)
      .max(10)
      .describe('Keys that sign cookies, 32 bytes or more; the first signs, all verify; only as { env } or { file }.'),
    sealingKeys: z.array(sealingKey()).min(1).max(10).describe('Keys that seal records; the first seals, all open.'),
    idleTimeout: duration('1s', '24h').prefault('30m').describe('How long a session lives without activity (duration).'),
    absoluteTimeout: duration('1s', '30d').prefault('12h').describe('How long a session lives at most, whatever happens (duration).'),
    perUserLimit: whole(1, 1000).prefault(20).describe('How many sessions a user has at once; a new sign-in beyond it ends the oldest.'),
    attempts: z
      .strictObject({
        perMinute: z
          .strictObject({
            address: whole(1, 1_000_000)
              .prefault(300)
              .describe('How many sign-ins may be begun a minute from one client address, of IPv6 from one /64.'),
            all: whole(1, 1_000_000).prefault(6000).describe('How many may be begun a minute by everybody together.'),
          })
          .prefault({})
          .describe('Sign-ins that may be begun a minute, in all replicas together.'),
      })
      .prefault({})
      .describe('Sign-ins that were begun: each is kept for ten minutes, and anybody can begin one.'),
    claims: distinct(claimName()).default(['name', 'email']).describe('Claims that GET /auth/session shows, and no others.'),
    sealing: z
      .enum(['holder', 'gateway'])
      .default('holder')
      .describe(
        "Who can open the tokens: holder, only with the session's cookie; gateway, the gateway by itself too, so that it can revoke them at the provider.",
      ),
  })

export type SessionOptions = z.output<ReturnType<typeof session>>
