import { checkValue, toLifeMs } from './input.ts'
import { createKeys } from './keys.ts'
import { createRedisConnection, type RedisConnectionOptions } from './redis-connection.ts'
import { type FamilyLife, type FamilyRecords, type OneTimeState, readTombstone, type Store, storeMark } from './store.ts'

export interface RedisStoreOptions extends RedisConnectionOptions {
  /** The first part of every key: 1 to 32 characters of base64url. */
  readonly namespace: string
}

const rootMember = '0'
const spent = storeMark

/**
 * Creates a store over one Redis. It connects in the background and, after an outage, by itself; until then
 * every verb rejects at once. None waits longer than about 1 s for an answer. docs/store.md has keys, ACL and numbers.
 *
 * @throws {TypeError} for a URL or namespace that is none
 */
export function createRedisStore(options: RedisStoreOptions): Store {
  const keys = createKeys(options.namespace)
  const connection = createRedisConnection(options)

  function familyKeys(familyId: string, member: string): readonly string[] {
    return [keys.session(familyId, member), keys.vault(familyId), keys.members(familyId)]
  }

  return {
    // Every proxied request comes here: one command, and one promise beside the client's own.
    readFamily(familyId, member) {
      const command = ['MGET', keys.session(familyId, member), keys.vault(familyId)]
      return connection.ask('readFamily', client => client.sendCommand<MgetReply>(command), toRecords)
    },

    async createFamily(familyId, records, life) {
      checkValue(records.session)
      checkValue(records.vault)
      const family = familyKeys(familyId, rootMember)
      const args = [records.session, records.vault, ...lives(life)]
      return connection.ask('createFamily', client => client.createFamily(family, args), asIs)
    },

    async replaceSession(familyId, member, expected, next, life) {
      checkValue(next)
      const family = familyKeys(familyId, member)
      const args = [expected, next, ...lives(life)]
      if (readTombstone(expected) !== null) return false
      return connection.ask('replaceSession', client => client.replaceSession(family, args), asIs)
    },

    async replaceVault(familyId, expected, next) {
      checkValue(next)
      const vault = [keys.vault(familyId)]
      return connection.ask('replaceVault', client => client.replaceValue(vault, [expected, next]), asIs)
    },

    async endFamily(familyId, tombstone, ttlMs, expected) {
      const family = familyKeys(familyId, rootMember)
      const args = [storeMark, storeMark + tombstone, String(toLifeMs(ttlMs)), keys.sessionPrefix(familyId)]
      if (expected !== undefined) args.push(expected)
      return connection.ask('endFamily', client => client.endFamily(family, args), asIs)
    },

    async putOnce(key, value, ttlMs) {
      checkValue(value)
      const command = ['SET', keys.once(key), value, 'PX', String(toLifeMs(ttlMs)), 'NX']
      return connection.ask('putOnce', client => client.sendCommand<string | null>(command), isWritten)
    },

    async peekOnce(key) {
      const command = ['GET', keys.once(key)]
      return connection.ask('peekOnce', client => client.sendCommand<string | null>(command), toState)
    },

    async takeOnce(key, expected) {
      const item = [keys.once(key)]
      if (expected === spent) return false
      return connection.ask('takeOnce', client => client.replaceValue(item, [expected, spent]), asIs)
    },

    async ping() {
      return connection.ask('ping', client => client.sendCommand<string>(['PING']), nothing)
    },

    close: () => connection.close(),
  }
}

type MgetReply = readonly [session: string | null, vault: string | null]

function toRecords(reply: MgetReply): FamilyRecords {
  return { session: reply[0], vault: reply[1] }
}

/** The lives of session, vault and members. The members are needed for as long as anything is there to end. */
function lives(life: FamilyLife): readonly string[] {
  const [session, vault] = [toLifeMs(life.sessionTtlMs), toLifeMs(life.vaultTtlMs)]
  return [String(session), String(vault), String(Math.max(session, vault))]
}

function toState(value: string | null): OneTimeState {
  if (value === null) return null
  return value === spent ? { state: 'spent' } : { state: 'live', value }
}

function isWritten(reply: string | null): boolean {
  return reply === 'OK'
}

function asIs(reply: boolean): boolean {
  return reply
}

function nothing(): void {}
