import { setTimeout as wait } from 'node:timers/promises'
import type { ErrorReply } from '@redis/client'
import type { RedisAccess, RedisAddress } from '../config/store-config.ts'
import { formatAddress } from './redis-client.ts'
import { createClusterMap } from './redis-cluster-map.ts'
import type { RedisCommand, RedisLink } from './redis-command.ts'
import { unavailable } from './redis-connection.ts'
import type { RedisHealth } from './redis-health.ts'
import { createRedisNode, type RedisNode } from './redis-node.ts'
import { readRedirect, type SlotRange, slotCount, slotOf } from './redis-slots.ts'

export interface RedisClusterOptions {
  /** Some of its nodes; the others are found. */
  readonly nodes: readonly RedisAddress[]
  readonly access: RedisAccess
}

type Method = 'ask' | 'askConfirmed'

interface Member extends RedisNode {
  readonly address: RedisAddress
  /** When a redirect last named it; ms of a clock that nobody sets. */
  namedAt: number
}

// A node that takes over its first slot is named by redirects before the map has it.
const keptUnmappedMs = 3000
// As long as for an answer.
const longestJoinMs = 800
// While a slot moves, commands on keys that are partly there wait for the rest.
const tryAgainMs = 100
const maxTries = 3

const stateQuestion = ['CLUSTER', 'INFO']

/**
 * Opens connections to every master of a cluster and sends each command to the one that serves its slot.
 *
 * Every node has connections of its own, so that each answer has its deadline: see redis-in-flight.ts. Nothing
 * is read from replicas (RDS-09).
 */
export function createRedisCluster(options: RedisClusterOptions & { readonly health: RedisHealth }): RedisLink {
  const members = new Map<string, Member>()
  const retiring = new Set<Promise<void>>()
  let slots = noSlots()
  let isClosed = false
  const map = createClusterMap({
    access: options.access,
    candidates: listCandidates,
    apply: applyMap,
    check,
    isConnected: () => [...members.values()].every(member => member.isReady()),
    health: options.health.join('cluster'),
  })

  /** Those that are connected, from a random one on, for one may be behind; then all that is known. */
  function listCandidates(): readonly RedisAddress[] {
    const connected = [...members.values()].filter(member => member.isReady())
    const start = Math.floor(Math.random() * connected.length)
    const inOrder = [...connected.slice(start), ...connected.slice(0, start), ...members.values()].map(member => member.address)
    return [...new Map([...inOrder, ...options.nodes].map(address => [formatAddress(address), address])).values()]
  }

  function applyMap(ranges: readonly SlotRange[]): void {
    const next = noSlots()
    for (const { first, last, master } of ranges) next.fill(memberAt(master), first, last + 1)
    slots = next
    const serving = new Set(next)
    for (const [name, member] of members) {
      if (serving.has(member) || performance.now() - member.namedAt < keptUnmappedMs) continue
      members.delete(name)
      const end = member.retire().finally(() => retiring.delete(end))
      retiring.add(end)
    }
  }

  function memberAt(address: RedisAddress): Member {
    const name = formatAddress(address)
    const known = members.get(name)
    if (known !== undefined) return known
    const node = createRedisNode({
      access: options.access,
      locate: () => address,
      health: options.health,
      name,
      onLost: () => map.refresh(),
      redirect: (command, refusal, by) => redirect(address, command, refusal, by),
    })
    const member = { ...node, address, namedAt: Number.NEGATIVE_INFINITY }
    members.set(name, member)
    return member
  }

  function send<Reply, Result>(method: Method, command: RedisCommand, read: (reply: Reply) => Result): Promise<Result> {
    if (isClosed) return Promise.reject(unavailable('is closed'))
    const member = slots[slotOf(command.key)]
    if (member !== undefined) return member[method](command, read)
    map.refresh()
    return Promise.reject(unavailable('has no node for some of its slots'))
  }

  /** Follows what a node says of where to go, once. Undefined where it speaks of something else. */
  function redirect(from: RedisAddress, command: RedisCommand, refusal: ErrorReply, by: Method): Promise<unknown> | undefined {
    const [code = ''] = /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN)\b/.exec(refusal.message) ?? []
    if (code === '') return undefined
    if (code === 'TRYAGAIN' && (command.tries ?? 0) < maxTries) return tryAgain(command, by)
    if (code === 'CLUSTERDOWN') map.lost(refusal)
    if (code === 'MOVED') map.refresh()
    const address = command.isRedirected || isClosed ? null : readRedirect(refusal.message, from)
    // No verb is at fault, so none counts as refused: the next reading of the map says how the cluster is.
    if (address === null) return Promise.reject(unavailable(`refused ${command.verb}: ${code}`, refusal))
    const target = memberAt(address)
    target.namedAt = performance.now()
    if (code === 'MOVED') slots[slotOf(command.key)] = target
    return follow(target, { ...command, isRedirected: true, isAsking: code === 'ASK' }, by)
  }

  async function follow(target: Member, command: RedisCommand, by: Method): Promise<unknown> {
    if (!target.isReady()) await Promise.race([target.attempted(), wait(longestJoinMs, undefined, { ref: false })])
    return target[by](command, asIs)
  }

  async function tryAgain(command: RedisCommand, by: Method): Promise<unknown> {
    await wait(tryAgainMs)
    return send(by, { ...command, isRedirected: false, isAsking: false, tries: (command.tries ?? 0) + 1 }, asIs)
  }

  async function check(): Promise<void> {
    if (slots.includes(undefined)) throw new Error('no node serves some of the slots')
    const states = [...members.values()].map(async member => String(await member.inquire(stateQuestion)))
    // One that is not connected is told of elsewhere.
    for (const state of await Promise.allSettled(states)) {
      if (state.status === 'fulfilled' && !state.value.includes('cluster_state:ok')) throw new Error('CLUSTERDOWN')
    }
  }

  async function pingAll(): Promise<void> {
    if (isClosed) throw unavailable('is closed')
    if (slots.includes(undefined)) throw unavailable('has no node for some of its slots')
    await Promise.all([...members.values()].map(member => member.ping()))
  }

  return {
    ask: (command, read) => send('ask', command, read),
    askConfirmed: (command, read) => send('askConfirmed', command, read),
    ping: pingAll,
    async close() {
      isClosed = true
      await Promise.all([map.close(), ...retiring, ...[...members.values()].map(member => member.close())])
    },
  }
}

function noSlots(): (Member | undefined)[] {
  return new Array<Member | undefined>(slotCount).fill(undefined)
}

function asIs(reply: unknown): unknown {
  return reply
}
