import { RedisStore } from 'connect-redis'
import type { SessionData } from 'express-session'
import { parseCredential } from './credential.ts'
import type { Families } from './families.ts'
import type { Beginning, EndReason, SignedIn, SignIn } from './session.ts'

declare module 'express-session' {
  interface SessionData {
    /** The live session behind the cookie. */
    signedIn?: SignedIn
    /** Why the session behind the cookie is no more, for an hour after its end. */
    endedReason?: EndReason
    /** A sign-in that a save turns into a family. */
    beginning?: Beginning & { readonly signIn: SignIn }
  }
}

/**
 * express-session's store: connect-redis, over an adapter that speaks families where connect-redis
 * expects a Redis client (docs/decisions/002). The session id is the credential.
 *
 * What connect-redis would do whole-record and last-write-wins, the adapter does safely: `set` creates a
 * family and changes nothing that exists, `del` ends a family only for the holder of its secret, `expire`
 * does nothing, because clocks live in the record.
 */
export function createExpressStore(families: Families): RedisStore {
  return new RedisStore({ client: asRedisClient(families), prefix: '', disableTouch: true, disableTTL: true })
}

function asRedisClient(families: Families) {
  return {
    async get(sid: string): Promise<string | null> {
      const credential = parseCredential(sid)
      if (credential === null) return null
      const family = await families.read(credential)
      if (family.state === 'none') return null
      // The cookie's attributes are the middleware's own; nothing of them is stored.
      const cookie = { originalMaxAge: null }
      const data = family.state === 'live' ? { cookie, signedIn: family.signedIn } : { cookie, endedReason: family.reason }
      return JSON.stringify(data)
    },

    async set(sid: string, json: string): Promise<void> {
      const credential = parseCredential(sid)
      const { beginning } = JSON.parse(json) as SessionData
      if (credential === null || beginning === undefined) return
      const { signIn, ...where } = beginning
      await families.create(credential, signIn, where)
    },

    async del(sids: readonly string[]): Promise<void> {
      for (const sid of sids) {
        const credential = parseCredential(sid)
        if (credential !== null) await families.end(credential, 'logged_out')
      }
    },
  }
}
