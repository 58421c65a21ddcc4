import { randomBytes } from 'node:crypto'
import type { RedisSentinelStoreOptions } from '../../src/store/redis.ts'
import type { Certificate } from './certificate.ts'
import { eventually } from './eventually.ts'
import { findFreePort, observer, type RedisEntry, type RedisServer, startAll, startRedis, tryThrice } from './redis-server.ts'

export interface RedisReplicationOptions {
  /** Lines of an ACL file, for Redis. */
  readonly acl?: readonly string[]
  /** Likewise, for the sentinels. */
  readonly sentinelAcl?: readonly string[]
  /** All of them then speak TLS alone. */
  readonly tls?: Certificate
  /** 1 by default. */
  readonly replicas?: number
  /** 1 by default. */
  readonly sentinels?: 1 | 3
  /** After how long without an answer a master counts as down; 1 s by default. */
  readonly downAfterMs?: number
}

/** A master, its replicas, and the sentinels that watch them. */
export interface RedisSentinelSetup {
  /** What `session.store` of a gateway's configuration says of it. */
  readonly config: Readonly<Record<string, unknown>>
  /** The same for a store, without users. */
  readonly options: Pick<RedisSentinelStoreOptions, 'sentinel' | 'access'>
  /** The first is the master at first. */
  readonly servers: readonly RedisServer[]
  /** The last one leads every failover; any of the others may be away meanwhile. */
  readonly sentinels: readonly RedisServer[]
  /** The one that the sentinels name. */
  master(): Promise<RedisServer>
  /** Ends the master as a crash does, or lets it hang; gives that server. */
  kill(): Promise<RedisServer>
  freeze(): Promise<RedisServer>
  /** Waits until all sentinels that are there name another master than this one; gives the new one. */
  untilPromoted(before: RedisServer): Promise<RedisServer>
  /** Has a replica take over in an orderly way; gives it. */
  failover(): Promise<RedisServer>
  /** Waits until so many replicas have what the master has by now, and the sentinels know them. */
  untilReplicated(count: number): Promise<void>
  /** What the master has. */
  dump(): Promise<readonly RedisEntry[]>
  stop(): Promise<void>
}

const host = '127.0.0.1'
const name = 'sallyport'
const login = ['--masteruser', observer.username, '--masterauth', observer.password]
// Nobody waits for more replicas to come, and a new master is not doubted for having been away.
const prompt = ['--repl-diskless-sync-delay', '0', '--repl-ping-replica-period', '1', ...login]

/** Starts real servers on free ports of the loopback. A failover takes them one to two seconds. */
export async function startRedisSentinel(options: RedisReplicationOptions = {}): Promise<RedisSentinelSetup> {
  const { servers, sentinels } = await tryThrice(() => launch(options))
  const ports = sentinels.map(sentinel => sentinel.port)

  async function named(sentinel: RedisServer): Promise<RedisServer | undefined> {
    const [, port] = (await sentinel.send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as readonly string[]
    return servers.find(server => server.port === Number(port))
  }

  async function master(): Promise<RedisServer> {
    const leader = sentinels.at(-1)
    const found = leader && (await named(leader))
    if (found === undefined) throw new Error('the sentinels name no server of this set-up')
    return found
  }

  async function untilPromoted(before: RedisServer): Promise<RedisServer> {
    await eventually(async () => {
      const answers = await Promise.allSettled(sentinels.map(named))
      // One that is not there says nothing.
      return answers.every(answer => answer.status === 'rejected' || answer.value !== before)
    })
    return master()
  }

  const nodes = ports.map(port => ({ host, port }))
  return {
    config: { kind: 'redis-sentinel', sentinel: { master: name, nodes: ports.map(port => `${host}:${port}`) } },
    options: { sentinel: { master: name, nodes, access: {} }, access: {} },
    servers,
    sentinels,
    master,
    untilPromoted,
    async kill() {
      const server = await master()
      await server.kill()
      return server
    },
    async freeze() {
      const server = await master()
      server.freeze()
      return server
    },
    async failover() {
      const before = await master()
      await eventually(async () => (await sentinels.at(-1)?.send('SENTINEL', 'FAILOVER', name)) === 'OK')
      return untilPromoted(before)
    },
    async untilReplicated(count) {
      await untilReplicated(await master(), count)
      await untilSeen(sentinels, count)
    },
    dump: async () => (await master()).dump(),
    async stop() {
      await Promise.all([...sentinels, ...servers].map(one => one.stop()))
    },
  }
}

async function launch(options: RedisReplicationOptions) {
  const { acl = [], sentinelAcl = [], tls, replicas = 1, sentinels: watchers = 1, downAfterMs = 1000 } = options
  const common = { acl, ...(tls && { tls }) }
  const args = [...prompt, ...(tls === undefined ? [] : ['--tls-replication', 'yes'])]
  const running: RedisServer[] = []
  try {
    const first = await startRedis({ ...common, args })
    running.push(first)
    const following = { ...common, args: [...args, '--replicaof', host, `${first.port}`] }
    const others = await startAll(Array.from({ length: replicas }, () => following))
    running.push(...others)
    await untilReplicated(first, replicas)

    const watches: Watch[] = await Promise.all(
      Array.from({ length: watchers }, async () => ({ id: randomBytes(20).toString('hex'), port: await findFreePort() })),
    )
    const servers = [first, ...others]
    const sentinels = await startAll(
      watches.map(own => ({
        ...common,
        acl: sentinelAcl,
        port: own.port,
        sentinel: 'sentinel.conf',
        files: { 'sentinel.conf': describeWatch(own, watches, servers, downAfterMs) },
        args: tls === undefined ? [] : ['--tls-replication', 'yes'],
      })),
    )
    running.push(...sentinels)
    // Sooner than by default, and not idle for 30 s after the machine was busy for 2. A replica is promoted only if
    // INFO is younger than five pings, and INFO comes every second while the master is down.
    const pace = ['INFO-PERIOD', '200', 'PING-PERIOD', '300', 'ASK-PERIOD', '100', 'PUBLISH-PERIOD', '200', 'ELECTION-TIMEOUT', '500']
    await Promise.all(sentinels.map(one => one.send('SENTINEL', 'DEBUG', ...pace, 'TILT-TRIGGER', '60000')))
    await untilSeen(sentinels, replicas)
    return { servers, sentinels }
  } catch (error) {
    await Promise.all(running.map(one => one.stop()))
    throw error
  }
}

interface Watch {
  /** Of its own in every set-up: ports are used again, and nobody must be taken for another. */
  readonly id: string
  readonly port: number
}

/**
 * All that a sentinel would find out by itself in some seconds. One is quicker than the others to call the master
 * down: where two run for the lead at once, neither may get it, and the next election is seconds away.
 */
function describeWatch(own: Watch, all: readonly Watch[], servers: readonly RedisServer[], downAfterMs: number): string {
  const isQuick = own === all.at(-1)
  const [master, ...replicas] = servers
  return [
    `sentinel myid ${own.id}`,
    `sentinel monitor ${name} ${host} ${master?.port} ${isQuick ? 1 : 2}`,
    `sentinel auth-user ${name} ${observer.username}`,
    `sentinel auth-pass ${name} ${observer.password}`,
    `sentinel down-after-milliseconds ${name} ${isQuick ? downAfterMs : 3 * downAfterMs}`,
    `sentinel failover-timeout ${name} 3000`,
    `sentinel sentinel-user ${observer.username}`,
    `sentinel sentinel-pass ${observer.password}`,
    ...replicas.map(({ port }) => `sentinel known-replica ${name} ${host} ${port}`),
    ...all.filter(other => other !== own).map(({ id, port }) => `sentinel known-sentinel ${name} ${host} ${port} ${id}`),
    '',
  ].join('\n')
}

/** Waits until the sentinels have heard of each other, and of replicas: they promote none of which they have not, of late. */
async function untilSeen(sentinels: readonly RedisServer[], replicas: number): Promise<void> {
  const views = async (question: string) =>
    (await Promise.all(sentinels.map(one => one.send('SENTINEL', question, name)))) as readonly (readonly SentinelView[])[]
  const isGood = (one: SentinelView) => one['master-link-status'] === 'ok' && one.flags === 'slave'
  await eventually(async () => (await views('REPLICAS')).every(view => view.filter(isGood).length >= replicas))
  await eventually(async () => (await views('SENTINELS')).every(view => view.every(one => one.flags === 'sentinel')))
}

/** A replica counts as online before it gets what is written: only its offset tells that it has it. */
async function untilReplicated(master: RedisServer, count: number): Promise<void> {
  const written = Number(/^master_repl_offset:(\d+)/m.exec(String(await master.send('INFO', 'replication')))?.[1])
  await eventually(async () => {
    const states = String(await master.send('INFO', 'replication')).matchAll(/^slave\d+:.*state=online,offset=(\d+)/gm)
    return [...states].filter(([, offset]) => Number(offset) >= written).length >= count
  })
}

type SentinelView = Readonly<Record<string, string>>
