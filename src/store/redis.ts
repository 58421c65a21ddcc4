import { checkId, checkValue, toLifeMs } from './input.ts'
import { createKeys } from './keys.ts'
import { createRedisConnection, type RedisConnectionOptions } from './redis-connection.ts'
import { type FamilyLife, type FamilyRecords, type OneTimeState, readTombstone, type Store, storeMark } from './store.ts'

export interface RedisStoreOptions extends RedisConnectionOptions {
  /** The first part of every key: 1 to 32 characters of base64url. */
  readonly namespace: string
}

const rootMember = '0'
const spent = storeMark

// How long a list of deadlines outlives its last one: nobody may come to take it for a while.
const dueGraceMs = 24 * 3_600_000

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
      for (const record of [expected?.session, expected?.vault]) args.push(record === undefined ? '' : record === null ? '-' : `=${record}`)
      return connection.ask('endFamily', client => client.endFamily(family, args), asIs)
    },

    async takeLease(familyId, holder, ttlMs) {
      checkValue(holder)
      const command = ['SET', keys.lease(familyId), holder, 'PX', String(toLifeMs(ttlMs)), 'NX']
      return connection.ask('takeLease', client => client.sendCommand<string | null>(command), isWritten)
    },

    async extendLease(familyId, holder, ttlMs) {
      const lease = [keys.lease(familyId)]
      const args = [holder, String(toLifeMs(ttlMs))]
      return connection.ask('extendLease', client => client.extendLease(lease, args), asIs)
    },

    async releaseLease(familyId, holder) {
      const lease = [keys.lease(familyId)]
      return connection.ask('releaseLease', client => client.releaseLease(lease, [holder]), nothing)
    },

    async addToIndex(index, familyId, ttlMs) {
      checkId(familyId)
      const key = [keys.index(index)]
      const args = [familyId, String(toLifeMs(ttlMs))]
      return connection.ask('addToIndex', client => client.addToIndex(key, args), nothing)
    },

    async removeFromIndex(index, familyIds) {
      const command = ['ZREM', keys.index(index), ...familyIds]
      for (const familyId of familyIds) checkId(familyId)
      if (familyIds.length === 0) return
      return connection.ask('removeFromIndex', client => client.sendCommand<number>(command), nothing)
    },

    async readIndex(index) {
      const command = ['ZRANGE', keys.index(index), '0', '-1']
      return connection.ask('readIndex', client => client.sendCommand<readonly string[]>(command), asIs)
    },

    async setMark(index, value, ttlMs) {
      checkValue(value)
      const command = ['SET', keys.mark(index), value, 'PX', String(toLifeMs(ttlMs))]
      return connection.ask('setMark', client => client.sendCommand<string>(command), nothing)
    },

    async readMark(index) {
      const command = ['GET', keys.mark(index)]
      return connection.ask('readMark', client => client.sendCommand<string | null>(command), asIs)
    },

    async putDue(familyId, ttlMs) {
      checkId(familyId)
      const args = [familyId, String(toLifeMs(ttlMs)), String(dueGraceMs)]
      return connection.ask('putDue', client => client.putDue([keys.due()], args), nothing)
    },

    async takeDue(limit, againInMs) {
      const args = [String(limit), String(toLifeMs(againInMs))]
      return connection.ask('takeDue', client => client.takeDue([keys.due()], args), asIs)
    },

    async dropDue(familyId) {
      checkId(familyId)
      return connection.ask('dropDue', client => client.sendCommand<number>(['ZREM', keys.due(), familyId]), nothing)
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

function asIs<Reply>(reply: Reply): Reply {
  return reply
}

function nothing(): void {}
