import { intervalUs, windowUs } from './buckets.ts'
import { checkId, checkPerMinute, checkValue, toLifeMs } from './input.ts'
import type { Keys } from './keys.ts'
import type { RedisCommand, RedisLink } from './redis-command.ts'
import { scripts } from './redis-scripts.ts'
import { type FamilyLife, type FamilyRecords, type MemberRecord, type OneTimeState, readTombstone, type Store, storeMark } from './store.ts'

const rootMember = '0'
const spent = storeMark

// How long a list of deadlines outlives its last one: nobody may come to take it for a while.
const dueGraceMs = 24 * 3_600_000

/**
 * Creates a store over Redis, wherever the link leads.
 *
 * Endings, rotations and what may be used only once are confirmed: a failover that lost one of them would bring
 * back what was over. docs/store.md has keys, ACL and numbers.
 */
export function createRedisVerbs(link: RedisLink, keys: Keys): Store {
  function familyKeys(familyId: string, member: string): readonly string[] {
    return [keys.session(familyId, member), keys.vault(familyId), keys.members(familyId)]
  }

  return {
    // Every proxied request comes here: one command, and one promise beside the client's own.
    readFamily(familyId, member) {
      const key = keys.session(familyId, member)
      return link.ask({ verb: 'readFamily', key, args: ['MGET', key, keys.vault(familyId)] }, toRecords)
    },

    async createFamily(familyId, records, life) {
      checkValue(records.session)
      checkValue(records.vault)
      const family = familyKeys(familyId, rootMember)
      const args = [records.session, records.vault, ...lives(life)]
      return link.ask(run('createFamily', scripts.createFamily, family, args), isDone)
    },

    async replaceSession(familyId, member, expected, next, life) {
      checkValue(next)
      const family = familyKeys(familyId, member)
      const args = [expected, next, ...lives(life)]
      if (readTombstone(expected) !== null) return false
      return link.ask(run('replaceSession', scripts.replaceSession, family, args), isDone)
    },

    async replaceVault(familyId, expected, next) {
      checkValue(next)
      return link.askConfirmed(run('replaceVault', scripts.replaceValue, [keys.vault(familyId)], [expected, next]), isDone)
    },

    async endFamily(familyId, tombstone, ttlMs, expected) {
      const family = familyKeys(familyId, rootMember)
      const args = [storeMark, storeMark + tombstone, String(toLifeMs(ttlMs)), keys.sessionPrefix(familyId)]
      for (const record of [expected?.session, expected?.vault]) args.push(record === undefined ? '' : record === null ? '-' : `=${record}`)
      return link.askConfirmed(run('endFamily', scripts.endFamily, family, args), isDone)
    },

    async addMember(familyId, beside, member, session, life, most) {
      checkValue(session)
      const family = [keys.session(familyId, beside), keys.session(familyId, member), keys.vault(familyId), keys.members(familyId)]
      const args = [storeMark, session, ...lives(life), String(most), member, keys.sessionPrefix(familyId)]
      return link.ask(run('addMember', scripts.addMember, family, args), isDone)
    },

    async readMembers(familyId) {
      const args = [storeMark, keys.sessionPrefix(familyId)]
      return link.ask(run('readMembers', scripts.readMembers, [keys.members(familyId)], args), toMembers)
    },

    async endMembers(familyId, members, tombstone, ttlMs, expected) {
      const ended = members.map(member => keys.session(familyId, member))
      const args = [storeMark, storeMark + tombstone, String(toLifeMs(ttlMs)), keys.sessionPrefix(familyId)]
      args.push(expected === undefined ? '' : `=${expected}`)
      const family = [keys.members(familyId), keys.vault(familyId), ...ended]
      return link.askConfirmed(run('endMembers', scripts.endMembers, family, args), toExtent)
    },

    async countFor(familyId, member, ttlMs) {
      return link.ask(run('countFor', scripts.countFor, [keys.uses(familyId, member)], [String(toLifeMs(ttlMs))]), asIs<number>)
    },

    async readCounts(familyId, members) {
      const [first, ...more] = members.map(member => keys.uses(familyId, member)) as [string, ...string[]]
      return link.ask(command('readCounts', 'MGET', first, ...more), toCounts)
    },

    async takeLease(familyId, holder, ttlMs) {
      checkValue(holder)
      return link.ask(command('takeLease', 'SET', keys.lease(familyId), holder, 'PX', String(toLifeMs(ttlMs)), 'NX'), isWritten)
    },

    async extendLease(familyId, holder, ttlMs) {
      return link.ask(run('extendLease', scripts.extendLease, [keys.lease(familyId)], [holder, String(toLifeMs(ttlMs))]), isDone)
    },

    async releaseLease(familyId, holder) {
      return link.ask(run('releaseLease', scripts.releaseLease, [keys.lease(familyId)], [holder]), nothing)
    },

    async addToIndex(index, familyId, ttlMs) {
      checkId(familyId)
      return link.ask(run('addToIndex', scripts.addToIndex, [keys.index(index)], [familyId, String(toLifeMs(ttlMs))]), nothing)
    },

    async removeFromIndex(index, familyIds) {
      const key = keys.index(index)
      for (const familyId of familyIds) checkId(familyId)
      if (familyIds.length === 0) return
      return link.ask(command('removeFromIndex', 'ZREM', key, ...familyIds), nothing)
    },

    async readIndex(index) {
      return link.ask(command('readIndex', 'ZRANGE', keys.index(index), '0', '-1'), asIs<readonly string[]>)
    },

    async setMark(index, value, ttlMs) {
      checkValue(value)
      return link.ask(command('setMark', 'SET', keys.mark(index), value, 'PX', String(toLifeMs(ttlMs))), nothing)
    },

    async readMark(index) {
      return link.ask(command('readMark', 'GET', keys.mark(index)), asIs<string | null>)
    },

    async putDue(familyId, ttlMs) {
      checkId(familyId)
      const args = [familyId, String(toLifeMs(ttlMs)), String(dueGraceMs)]
      return link.ask(run('putDue', scripts.putDue, [keys.due()], args), nothing)
    },

    async takeDue(limit, againInMs) {
      const args = [String(limit), String(toLifeMs(againInMs))]
      return link.ask(run('takeDue', scripts.takeDue, [keys.due()], args), asIs<readonly string[]>)
    },

    async dropDue(familyId) {
      checkId(familyId)
      return link.ask(command('dropDue', 'ZREM', keys.due(), familyId), nothing)
    },

    async putOnce(key, value, ttlMs) {
      checkValue(value)
      return link.ask(command('putOnce', 'SET', keys.once(key), value, 'PX', String(toLifeMs(ttlMs)), 'NX'), isWritten)
    },

    async peekOnce(key) {
      return link.ask(command('peekOnce', 'GET', keys.once(key)), toState)
    },

    async takeOnce(key, expected) {
      const item = [keys.once(key)]
      if (expected === spent) return false
      return link.askConfirmed(run('takeOnce', scripts.replaceValue, item, [expected, spent]), isDone)
    },

    async count(key, perMinute) {
      const bucket = [keys.count(key)]
      checkPerMinute(perMinute)
      return link.ask(run('count', scripts.count, bucket, [String(intervalUs(perMinute)), String(windowUs)]), asIs<number>)
    },

    ping: () => link.ping(),
    close: () => link.close(),
  }
}

function command(verb: string, name: string, key: string, ...rest: readonly string[]): RedisCommand {
  return { verb, key, args: [name, key, ...rest] }
}

/**
 * The text goes with every call, some hundred bytes that save EVALSHA and its second round: a new master, and a node
 * to which a slot has moved, know no script.
 */
function run(verb: string, script: string, keys: readonly string[], args: readonly string[]): RedisCommand {
  return { verb, key: keys[0] ?? '', args: ['EVAL', script, String(keys.length), ...keys, ...args] }
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

function toMembers(reply: readonly string[]): readonly MemberRecord[] {
  const members: MemberRecord[] = []
  for (let at = 0; at < reply.length; at += 2) members.push({ member: reply[at] ?? '', session: reply[at + 1] ?? '' })
  return members
}

function toCounts(reply: readonly (string | null)[]): readonly number[] {
  return reply.map(count => Number(count ?? 0))
}

function toExtent(reply: number): 'none' | 'some' | 'all' {
  return reply === 2 ? 'all' : reply === 1 ? 'some' : 'none'
}

function toState(value: string | null): OneTimeState {
  if (value === null) return null
  return value === spent ? { state: 'spent' } : { state: 'live', value }
}

function isWritten(reply: string | null): boolean {
  return reply === 'OK'
}

function isDone(reply: number): boolean {
  return reply === 1
}

function asIs<Reply>(reply: Reply): Reply {
  return reply
}

function nothing(): void {}
