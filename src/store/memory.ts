import { GatewayError } from '../errors.ts'
import { createBuckets } from './buckets.ts'
import { createExpiringMap } from './expiring-map.ts'
import { checkId, checkPerMinute, checkValue, toLifeMs } from './input.ts'
import { createKeys } from './keys.ts'
import { createMemoryLists } from './memory-lists.ts'
import { readTombstone, type Store, storeMark } from './store.ts'

// A session takes two entries of some 6 KB together, an attempt one: about 300 MB when full. Past it the
// store refuses what is new, as a Redis without eviction does, rather than forget what it has promised. As many
// names are held on indexes, and on the list of deadlines.
const maxEntries = 100_000

const rootMember = '0'
const spent = storeMark

/**
 * Creates a store inside this process: for the demo, tests, and a single gateway whose sessions may end with it.
 *
 * Lives are measured by the injected clock. What has run out is dropped when it is read, and otherwise by
 * later writes; no timer is started. What would need more than 100,000 entries of one sort, and every
 * verb after `close`, rejects with `store_unavailable`.
 */
export function createMemoryStore(deps: { now: () => number }): Store {
  const keys = createKeys('memory')
  const entries = createExpiringMap({ now: deps.now, maxEntries })
  const indexes = createMemoryLists({ now: deps.now, maxNames: maxEntries, keepsPassed: false })
  const due = createMemoryLists({ now: deps.now, maxNames: maxEntries, keepsPassed: true })
  const dueList = keys.due()
  const buckets = createBuckets({ now: deps.now, maxBuckets: maxEntries })
  let isClosed = false

  function checkOpen(): void {
    if (isClosed) throw new GatewayError('store_unavailable', 'the memory store is closed')
  }

  function checkRoom(additions: number): void {
    if (!entries.hasRoomFor(additions)) throw full()
  }

  /** The names of all members, the root first; some may have ended. */
  const membersOf = (familyId: string) => [rootMember, ...(entries.get(keys.members(familyId))?.split(' ') ?? [])]

  function livingRecord(familyId: string, member: string): string | null {
    const record = entries.get(keys.session(familyId, member))
    return record === undefined || readTombstone(record) !== null ? null : record
  }

  // Every verb runs from its first line to its last without waiting, so none sees another half done.
  return {
    async readFamily(familyId, member) {
      checkOpen()
      return { session: entries.get(keys.session(familyId, member)) ?? null, vault: entries.get(keys.vault(familyId)) ?? null }
    },

    async createFamily(familyId, records, life) {
      checkOpen()
      checkValue(records.session)
      checkValue(records.vault)
      const session = keys.session(familyId, rootMember)
      const vault = keys.vault(familyId)
      const [sessionLifeMs, vaultLifeMs] = [toLifeMs(life.sessionTtlMs), toLifeMs(life.vaultTtlMs)]
      if (entries.get(session) !== undefined || entries.get(vault) !== undefined) return false
      checkRoom(2)
      entries.set(vault, records.vault, vaultLifeMs)
      entries.set(session, records.session, sessionLifeMs)
      return true
    },

    async replaceSession(familyId, member, expected, next, life) {
      checkOpen()
      checkValue(next)
      const session = keys.session(familyId, member)
      const vault = keys.vault(familyId)
      const [sessionLifeMs, vaultLifeMs] = [toLifeMs(life.sessionTtlMs), toLifeMs(life.vaultTtlMs)]
      if (entries.get(session) !== expected || readTombstone(expected) !== null) return false
      entries.set(session, next, sessionLifeMs)
      entries.prolong(vault, vaultLifeMs)
      entries.prolong(keys.members(familyId), Math.max(sessionLifeMs, vaultLifeMs))
      return true
    },

    async addMember(familyId, beside, member, session, life, most) {
      checkOpen()
      checkValue(session)
      const own = keys.session(familyId, member)
      const [sessionLifeMs, vaultLifeMs] = [toLifeMs(life.sessionTtlMs), toLifeMs(life.vaultTtlMs)]
      if (livingRecord(familyId, beside) === null || entries.get(own) !== undefined) return false
      const living = membersOf(familyId).filter(name => livingRecord(familyId, name) !== null)
      if (entries.get(keys.vault(familyId)) === undefined || living.length >= most) return false
      checkRoom(2)
      entries.set(own, session, sessionLifeMs)
      const names = [...living.filter(name => name !== rootMember), member].join(' ')
      const members = keys.members(familyId)
      if (entries.get(members) === undefined) entries.set(members, names, Math.max(sessionLifeMs, vaultLifeMs))
      else entries.replace(members, names)
      entries.prolong(members, Math.max(sessionLifeMs, vaultLifeMs))
      entries.prolong(keys.vault(familyId), vaultLifeMs)
      return true
    },

    async readMembers(familyId) {
      checkOpen()
      return membersOf(familyId).flatMap(member => {
        const session = livingRecord(familyId, member)
        return session === null ? [] : [{ member, session }]
      })
    },

    async endMembers(familyId, members, tombstone, ttlMs, expected) {
      checkOpen()
      const lifeMs = toLifeMs(ttlMs)
      if (expected !== undefined && entries.get(keys.session(familyId, members[0])) !== expected) return 'none'
      const ending = members.filter(member => livingRecord(familyId, member) !== null)
      for (const member of ending) entries.set(keys.session(familyId, member), storeMark + tombstone, lifeMs)
      if (ending.length === 0) return 'none'
      if (membersOf(familyId).some(member => livingRecord(familyId, member) !== null)) return 'some'
      for (const key of [keys.vault(familyId), keys.members(familyId)]) entries.delete(key)
      return 'all'
    },

    async countFor(familyId, member, ttlMs) {
      checkOpen()
      const key = keys.uses(familyId, member)
      const lifeMs = toLifeMs(ttlMs)
      const count = Number(entries.get(key) ?? 0) + 1
      if (count > 1) entries.replace(key, String(count))
      else {
        checkRoom(1)
        entries.set(key, '1', lifeMs)
      }
      return count
    },

    async readCounts(familyId, members) {
      checkOpen()
      return members.map(member => Number(entries.get(keys.uses(familyId, member)) ?? 0))
    },

    async replaceVault(familyId, expected, next) {
      checkOpen()
      checkValue(next)
      const vault = keys.vault(familyId)
      if (entries.get(vault) !== expected) return false
      entries.replace(vault, next)
      return true
    },

    async endFamily(familyId, tombstone, ttlMs, expected) {
      checkOpen()
      const session = keys.session(familyId, rootMember)
      const lifeMs = toLifeMs(ttlMs)
      const record = entries.get(session)
      if (expected?.session !== undefined && (record ?? null) !== expected.session) return false
      if (expected?.vault !== undefined && (entries.get(keys.vault(familyId)) ?? null) !== expected.vault) return false
      const living = membersOf(familyId).filter(member => livingRecord(familyId, member) !== null)
      for (const member of living) entries.set(keys.session(familyId, member), storeMark + tombstone, lifeMs)
      for (const key of [keys.vault(familyId), keys.members(familyId)]) entries.delete(key)
      return living.length > 0
    },

    async takeLease(familyId, holder, ttlMs) {
      checkOpen()
      checkValue(holder)
      const lease = keys.lease(familyId)
      const lifeMs = toLifeMs(ttlMs)
      if (entries.get(lease) !== undefined) return false
      checkRoom(1)
      entries.set(lease, holder, lifeMs)
      return true
    },

    async extendLease(familyId, holder, ttlMs) {
      checkOpen()
      const lease = keys.lease(familyId)
      const lifeMs = toLifeMs(ttlMs)
      if (entries.get(lease) !== holder) return false
      entries.set(lease, holder, lifeMs)
      return true
    },

    async releaseLease(familyId, holder) {
      checkOpen()
      const lease = keys.lease(familyId)
      if (entries.get(lease) === holder) entries.delete(lease)
    },

    async addToIndex(index, familyId, ttlMs) {
      checkOpen()
      checkId(familyId)
      if (!indexes.put(keys.index(index), familyId, toLifeMs(ttlMs))) throw full()
    },

    async removeFromIndex(index, familyIds) {
      checkOpen()
      const list = keys.index(index)
      for (const familyId of familyIds) checkId(familyId)
      for (const familyId of familyIds) indexes.remove(list, familyId)
    },

    async readIndex(index) {
      checkOpen()
      return indexes.read(keys.index(index))
    },

    async setMark(index, value, ttlMs) {
      checkOpen()
      checkValue(value)
      const lifeMs = toLifeMs(ttlMs)
      checkRoom(1)
      entries.set(keys.mark(index), value, lifeMs)
    },

    async readMark(index) {
      checkOpen()
      return entries.get(keys.mark(index)) ?? null
    },

    async putDue(familyId, ttlMs) {
      checkOpen()
      checkId(familyId)
      if (!due.put(dueList, familyId, toLifeMs(ttlMs))) throw full()
    },

    async takeDue(limit, againInMs) {
      checkOpen()
      return due.takePassed(dueList, limit, toLifeMs(againInMs))
    },

    async dropDue(familyId) {
      checkOpen()
      checkId(familyId)
      due.remove(dueList, familyId)
    },

    async putOnce(key, value, ttlMs) {
      checkOpen()
      checkValue(value)
      const item = keys.once(key)
      const lifeMs = toLifeMs(ttlMs)
      if (entries.get(item) !== undefined) return false
      checkRoom(1)
      entries.set(item, value, lifeMs)
      return true
    },

    async peekOnce(key) {
      checkOpen()
      const value = entries.get(keys.once(key))
      if (value === undefined) return null
      return value === spent ? { state: 'spent' } : { state: 'live', value }
    },

    async takeOnce(key, expected) {
      checkOpen()
      const item = keys.once(key)
      if (entries.get(item) !== expected || expected === spent) return false
      entries.replace(item, spent)
      return true
    },

    async count(key, perMinute) {
      checkOpen()
      checkPerMinute(perMinute)
      const waitMs = buckets.add(keys.count(key), perMinute)
      if (waitMs === null) throw full()
      return waitMs
    },

    async ping() {
      checkOpen()
    },

    async close() {
      isClosed = true
    },
  }
}

function full(): GatewayError {
  return new GatewayError('store_unavailable', `the memory store is full (${maxEntries} entries)`)
}
