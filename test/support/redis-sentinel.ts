import type { RedisSentinelStoreOptions } from '../../src/store/redis.ts'
import type { Certificate } from './certificate.ts'
import { findFreePort, observer, type RedisEntry, type RedisServer, startRedis } from './redis-server.ts'
import { until } from './until.ts'

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
  /** After how long without an answer a master counts as down. */
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
  /** Waits until all sentinels name another master than this one; gives the new one. */
  untilPromoted(before: RedisServer): Promise<RedisServer>
  /** Has a replica take over in an orderly way; gives it. */
  failover(): Promise<RedisServer>
  /** Waits until so many replicas follow the master, and the sentinels know it. */
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
  const { acl = [], sentinelAcl = [], tls, replicas = 1, sentinels: watchers = 1, downAfterMs = 500 } = options
  const secure = tls === undefined ? {} : { tls }
  const replicationTls = tls === undefined ? [] : ['--tls-replication', 'yes']
  const first = await startRedis({ acl, ...secure, args: [...prompt, ...replicationTls] })
  const following = [...prompt, ...replicationTls, '--replicaof', host, `${first.port}`]
  const servers = [first, ...(await Promise.all(Array.from({ length: replicas }, () => startRedis({ acl, ...secure, args: following }))))]
  await untilReplicated(first, replicas)

  const ports = await Promise.all(Array.from({ length: watchers }, findFreePort))
  const sentinels = await Promise.all(
    ports.map(port =>
      startRedis({
        port,
        acl: sentinelAcl,
        ...secure,
        sentinel: 'sentinel.conf',
        files: { 'sentinel.conf': describeWatch(port, port === ports.at(-1)) },
        args: replicationTls,
      }),
    ),
  )
  // Sooner than by default, and not idle for 30 s after the machine was busy for 2. A replica is promoted only if INFO
  // is younger than five pings, and INFO comes every second while the master is down.
  const pace = ['INFO-PERIOD', '200', 'PING-PERIOD', '300', 'ASK-PERIOD', '100', 'PUBLISH-PERIOD', '200', 'ELECTION-TIMEOUT', '500']
  await Promise.all(sentinels.map(one => one.send('SENTINEL', 'DEBUG', ...pace, 'TILT-TRIGGER', '60000')))
  await untilSeen(replicas)

  /**
   * All that a sentinel would find out by itself in some seconds. One is quicker than the others to call the master
   * down: where two run for the lead at once, neither may get it, and the next election is seconds away.
   */
  function describeWatch(own: number, isQuick: boolean): string {
    const others = ports.filter(port => port !== own)
    return [
      `sentinel myid ${idOf(own)}`,
      `sentinel monitor ${name} ${host} ${first.port} ${isQuick ? 1 : 2}`,
      `sentinel auth-user ${name} ${observer.username}`,
      `sentinel auth-pass ${name} ${observer.password}`,
      `sentinel down-after-milliseconds ${name} ${isQuick ? downAfterMs : 3 * downAfterMs}`,
      `sentinel failover-timeout ${name} 3000`,
      `sentinel sentinel-user ${observer.username}`,
      `sentinel sentinel-pass ${observer.password}`,
      ...servers.slice(1).map(({ port }) => `sentinel known-replica ${name} ${host} ${port}`),
      ...others.map(port => `sentinel known-sentinel ${name} ${host} ${port} ${idOf(port)}`),
      '',
    ].join('\n')
  }

  async function named(sentinel: RedisServer): Promise<RedisServer | undefined> {
    const [, port] = (await sentinel.send('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name)) as readonly string[]
    return servers.find(server => server.port === Number(port))
  }

  // A sentinel promotes no replica of which it has heard nothing of late.
  async function untilSeen(count: number): Promise<void> {
    await until(async () => {
      const views = await Promise.all(
        sentinels.map(async one => {
          const [lists, peers] = await Promise.all([one.send('SENTINEL', 'REPLICAS', name), one.send('SENTINEL', 'SENTINELS', name)])
          return { replicas: lists as readonly SentinelView[], peers: peers as readonly SentinelView[] }
        }),
      )
      return views.every(
        view =>
          view.replicas.filter(one => one['master-link-status'] === 'ok' && one.flags === 'slave').length >= count &&
          view.peers.every(one => one.flags === 'sentinel'),
      )
    })
  }

  async function master(): Promise<RedisServer> {
    const found = await named(sentinels.at(-1) ?? first)
    if (found === undefined) throw new Error('the sentinels name no server of this set-up')
    return found
  }

  async function untilPromoted(before: RedisServer): Promise<RedisServer> {
    await until(async () => (await Promise.all(sentinels.map(named))).every(server => server !== before))
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
      await until(async () => (await sentinels.at(-1)?.send('SENTINEL', 'FAILOVER', name)) === 'OK')
      return untilPromoted(before)
    },
    async untilReplicated(count) {
      await untilReplicated(await master(), count)
      await untilSeen(count)
    },
    dump: async () => (await master()).dump(),
    async stop() {
      await Promise.all([...sentinels, ...servers].map(one => one.stop()))
    },
  }
}

async function untilReplicated(master: RedisServer, count: number): Promise<void> {
  await until(async () => {
    const states = String(await master.send('INFO', 'replication')).match(/^slave\d+:.*state=online/gm) ?? []
    return states.length >= count
  })
}

type SentinelView = Readonly<Record<string, string>>

/** A sentinel's own id: 40 hexadecimal digits. */
function idOf(port: number): string {
  return port.toString(16).padStart(40, '0')
}
