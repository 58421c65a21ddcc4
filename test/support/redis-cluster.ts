import { randomBytes } from 'node:crypto'
import type { RedisClusterStoreOptions } from '../../src/store/redis.ts'
import { slotOf } from '../../src/store/redis-slots.ts'
import type { Certificate } from './certificate.ts'
import { eventually } from './eventually.ts'
import { findFreePort, observer, type RedisEntry, type RedisServer, startAll, tryThrice } from './redis-server.ts'

export interface RedisClusterOptions {
  /** Lines of an ACL file. */
  readonly acl?: readonly string[]
  /** All of them then speak TLS alone. */
  readonly tls?: Certificate
  /** Of each master; none by default. */
  readonly replicas?: 0 | 1
  /** Masters without slots, beside the three that share all of them. */
  readonly spares?: number
}

/** Three masters that share the slots, each with its replica where there are some. */
export interface RedisClusterSetup {
  /** What `session.store` of a gateway's configuration says of it. */
  readonly config: Readonly<Record<string, unknown>>
  /** The same for a store, without users. */
  readonly options: Pick<RedisClusterStoreOptions, 'nodes' | 'access'>
  /** The three masters, spares, replicas; in this order. */
  readonly servers: readonly RedisServer[]
  /** The one that serves what is kept under an id, as the others see it. */
  masterOf(id: string): Promise<RedisServer>
  /** Ends that master as a crash does, or lets it hang; gives the server. */
  kill(id: string): Promise<RedisServer>
  freeze(id: string): Promise<RedisServer>
  /** Waits until the cluster has another master than this one for the id, and is well. */
  untilPromoted(id: string, before: RedisServer): Promise<RedisServer>
  /** Has the replica of that master take over in an orderly way; gives it. */
  failover(id: string): Promise<RedisServer>
  /**
   * Moves the slot of an id to another master: all of its keys at once, or half by half in their order. `halfway` then
   * runs in between.
   */
  moveSlot(id: string, to: RedisServer, halfway?: () => Promise<void>): Promise<void>
  /** What all masters have. */
  dump(): Promise<readonly RedisEntry[]>
  stop(): Promise<void>
}

const host = '127.0.0.1'
const masters = 3
const login = ['--masteruser', observer.username, '--masterauth', observer.password, '--repl-diskless-sync-delay', '0']
// A replica that was slow to start must not be too old to take over.
const eager = ['--cluster-replica-validity-factor', '0']
// After how long a node counts as down; a failover takes 1 to 2 s more, and the other masters serve on meanwhile.
// Where nobody can take over, a busy machine must not be taken for a dead node.
const withReplicas = ['--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no']
const withoutReplicas = ['--cluster-node-timeout', '10000']

/** Starts real nodes on free ports of the loopback. It takes 2 s: for so long a node of a cluster that starts refuses to write. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisClusterSetup> {
  const { nodes, servers } = await tryThrice(() => launch(options))

  async function masterOf(id: string, exceptFor?: RedisServer): Promise<RedisServer> {
    const slot = slotOf(id)
    const seen = servers.filter(server => server !== exceptFor).map(server => serverOf(server, slot))
    return Promise.any(seen)
  }

  async function serverOf(asked: RedisServer, slot: number): Promise<RedisServer> {
    const ranges = (await asked.send('CLUSTER', 'SLOTS')) as readonly [number, number, [string, number]][]
    const [, , [, port] = []] = ranges.find(([first, last]) => first <= slot && slot <= last) ?? []
    const server = servers.find(one => one.port === port)
    if (server === undefined) throw new Error('no server has this slot')
    return server
  }

  async function untilPromoted(id: string, before: RedisServer): Promise<RedisServer> {
    const others = servers.filter(server => server !== before)
    await eventually(async () => {
      const seen = await Promise.all(others.map(other => serverOf(other, slotOf(id))))
      return seen.every(server => server !== before) && (await Promise.all(others.map(isWell))).every(Boolean)
    })
    return masterOf(id, before)
  }

  return {
    config: { kind: 'redis-cluster', nodes: nodes.slice(0, masters).map(({ port }) => `${host}:${port}`) },
    options: { nodes: nodes.slice(0, masters).map(({ port }) => ({ host, port })), access: {} },
    servers,
    masterOf,
    async kill(id) {
      const server = await masterOf(id)
      await server.kill()
      return server
    },
    async freeze(id) {
      const server = await masterOf(id)
      server.freeze()
      return server
    },
    untilPromoted,
    async failover(id) {
      const before = await masterOf(id)
      const replica = servers[(await rolesOf(servers)).findIndex(([role, , port]) => role === 'slave' && port === before.port)]
      await eventually(async () => (await replica?.send('CLUSTER', 'FAILOVER')) === 'OK')
      return untilPromoted(id, before)
    },
    async moveSlot(id, to, halfway) {
      const slot = String(slotOf(id))
      const from = await masterOf(id)
      const [fromId, toId] = [nodes[servers.indexOf(from)]?.id ?? '', nodes[servers.indexOf(to)]?.id ?? '']
      await to.send('CLUSTER', 'SETSLOT', slot, 'IMPORTING', fromId)
      await from.send('CLUSTER', 'SETSLOT', slot, 'MIGRATING', toId)
      const keys = ((await from.send('CLUSTER', 'GETKEYSINSLOT', slot, '1000')) as readonly string[]).toSorted()
      const half = halfway === undefined ? 0 : Math.ceil(keys.length / 2)
      const login = ['AUTH2', observer.username, observer.password]
      const migrate = (some: readonly string[]) =>
        some.length > 0 && from.send('MIGRATE', host, `${to.port}`, '', '0', '1000', ...login, 'KEYS', ...some)
      await migrate(keys.slice(0, half))
      await halfway?.()
      await migrate(keys.slice(half))
      for (const server of [to, from]) await server.send('CLUSTER', 'SETSLOT', slot, 'NODE', toId)
      await eventually(async () => (await Promise.all(servers.map(server => serverOf(server, slotOf(id))))).every(server => server === to))
    },
    async dump() {
      const found = await rolesOf(servers)
      const serving = servers.filter((_, at) => found[at]?.[0] === 'master')
      return (await Promise.all(serving.map(server => server.dump()))).flat()
    },
    stop: () => stopAll(servers),
  }
}

async function launch({ acl = [], tls, replicas = 0, spares = 0 }: RedisClusterOptions) {
  const nodes: Node[] = []
  for (let at = 0; at < masters * (1 + replicas) + spares; at += 1) {
    const follows = at < masters + spares ? null : at - masters - spares
    nodes.push({
      id: randomBytes(20).toString('hex'),
      port: await findFreePort(),
      busPort: await findFreePort(),
      follows,
      slots: slotsOf(at),
    })
  }
  const common = ['--cluster-enabled', 'yes', ...(replicas === 0 ? withoutReplicas : withReplicas), ...login, ...eager]
  const secure = tls === undefined ? [] : ['--tls-cluster', 'yes', '--tls-replication', 'yes']
  const servers = await startAll(
    nodes.map((node, at) => ({
      port: node.port,
      acl,
      ...(tls && { tls }),
      files: { 'nodes.conf': describeNodes(nodes, at) },
      args: [...common, ...secure, '--cluster-port', `${node.busPort}`],
    })),
  )
  try {
    await eventually(async () => (await Promise.all(servers.map(isWell))).every(Boolean))
    const following = async () => (await rolesOf(servers)).filter(role => role[0] === 'slave' && role[3] === 'connected').length
    await eventually(async () => (await following()) === replicas * masters)
    return { nodes, servers }
  } catch (error) {
    await stopAll(servers)
    throw error
  }
}

async function stopAll(servers: readonly RedisServer[]): Promise<void> {
  await Promise.all(servers.map(server => server.stop()))
}

/** The answers to ROLE. One that is not there has none. */
async function rolesOf(servers: readonly RedisServer[]): Promise<readonly (readonly unknown[])[]> {
  const answers = servers.map(server => server.send('ROLE') as Promise<readonly unknown[]>)
  return (await Promise.allSettled(answers)).map(answer => (answer.status === 'fulfilled' ? answer.value : []))
}

interface Node {
  /** Of its own in every set-up: ports are used again, and nodes must not take those of another one for theirs. */
  readonly id: string
  readonly port: number
  readonly busPort: number
  /** The place of its master; null: it is one. */
  readonly follows: number | null
  readonly slots: string
}

function slotsOf(at: number): string {
  return ['0-5460', '5461-10922', '10923-16383'][at] ?? ''
}

/** The file in which a node keeps what it knows: written by hand, no node has to find out about the others. */
function describeNodes(nodes: readonly Node[], own: number): string {
  const lines = nodes.map(({ id, port, busPort, follows, slots }, at) => {
    const flags = [...(at === own ? ['myself'] : []), follows === null ? 'master' : 'slave'].join(',')
    const epoch = (follows ?? at) + 1
    const master = follows === null ? '-' : nodes[follows]?.id
    return `${id} ${host}:${port}@${busPort} ${flags} ${master} 0 0 ${epoch} connected ${slots}`.trimEnd()
  })
  return [...lines, `vars currentEpoch ${nodes.length} lastVoteEpoch 0`, ''].join('\n')
}

async function isWell(server: RedisServer): Promise<boolean> {
  return String(await server.send('CLUSTER', 'INFO')).includes('cluster_state:ok')
}
