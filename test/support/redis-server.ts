import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createClient } from 'redis'
import type { Certificate } from './certificate.ts'

export interface RedisServerOptions {
  /** Lines of an ACL file. The user that tests look through, `observer`, is always there. */
  readonly acl?: readonly string[]
  /** The server then speaks TLS alone. */
  readonly tls?: Certificate
  /** More arguments for the command line. */
  readonly args?: readonly string[]
  /** A free one unless it is given. */
  readonly port?: number
  /** Files that it finds in its folder at its first start, by name. */
  readonly files?: Readonly<Record<string, string>>
  /** It is a sentinel, with this one of its files as its configuration. */
  readonly sentinel?: string
}

export interface RedisServer {
  /** Of the default user; `rediss://` with TLS. */
  readonly url: string
  readonly port: number
  /** Asks it to end, and waits for it. Safe in an `after`, whatever state the server is in. */
  stop(): Promise<void>
  /** It stays connected and answers nothing. */
  freeze(): void
  thaw(): void
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>
  /** Starts it again on the same port, empty but for the files that it wrote itself. */
  restart(): Promise<void>
  /** Sends one command, with all rights. */
  send(...command: readonly string[]): Promise<unknown>
  dump(): Promise<readonly RedisEntry[]>
}

export interface RedisEntry {
  readonly key: string
  /** The raw value; of a set, sorted or not, its members. */
  readonly value: string | readonly string[]
  /** -1: it stays for ever. */
  readonly ttlMs: number
}

const startDeadlineMs = 10_000
/** The user that tests look through, and that servers of one set-up use among themselves. */
export const observer = { username: 'observer', password: 'observer-of-this-test' }

const running = new Set<ChildProcess>()
// The tests may end in any way: nothing may stay behind.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts a redis-server of its own on a free port of the loopback, which writes nothing to disk. */
export async function startRedis(options: RedisServerOptions = {}): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-redis-'))
  const host = '127.0.0.1'
  const { tls, files = {} } = options
  let port = 0
  let child: ChildProcess
  let looking: Promise<ReturnType<typeof openClient>> | undefined
  // Between finding a free port and listening on it, somebody else may have taken it.
  for (let attempt = 1; ; attempt += 1) {
    port = options.port ?? (await findFreePort())
    try {
      await writeFiles(files)
      child = await launch()
      break
    } catch (error) {
      if (attempt === 5 || options.port !== undefined) throw error
    }
  }

  async function writeFiles(contents: Readonly<Record<string, string>>): Promise<void> {
    await mkdir(folder, { recursive: true })
    await Promise.all(Object.entries(contents).map(([name, content]) => writeFile(join(folder, name), content)))
  }

  async function launch(): Promise<ChildProcess> {
    // Each time anew, because stop() leaves nothing behind.
    const users = [...(options.acl ?? []), `user ${observer.username} on >${observer.password} ~* &* +@all`, '']
    await writeFiles({ 'users.acl': users.join('\n'), 'cert.pem': tls?.cert ?? '', 'key.pem': tls?.key ?? '' })
    const ports = tls === undefined ? ['--port', `${port}`] : ['--port', '0', '--tls-port', `${port}`, '--tls-auth-clients', 'no']
    if (tls !== undefined) ports.push('--tls-cert-file', 'cert.pem', '--tls-key-file', 'key.pem', '--tls-ca-cert-file', 'cert.pem')
    const mode = options.sentinel === undefined ? [] : [join(folder, options.sentinel), '--sentinel']
    const storage = options.sentinel === undefined ? ['--save', '', '--appendonly', 'no', '--shutdown-timeout', '0'] : []
    const place = ['--bind', host, '--dir', folder, '--aclfile', 'users.acl']
    const args = [...mode, ...ports, ...place, ...storage, ...(options.args ?? [])]
    const started = spawn('redis-server', args, { stdio: 'ignore' })
    running.add(started)
    started.once('exit', () => running.delete(started))
    await once(started, 'spawn')
    const giveUpAt = Date.now() + startDeadlineMs
    while (!(await isAnswering())) {
      if (hasEnded(started) || Date.now() > giveUpAt) {
        started.kill('SIGKILL')
        throw new Error(`redis-server did not start on port ${port}`)
      }
      await wait(10)
    }
    // What answered may have been the one that took the port from us.
    if (hasEnded(started)) throw new Error(`redis-server found port ${port} taken`)
    return started
  }

  /** All look through one connection, which is made anew when it is lost. */
  async function withClient<Result>(use: (client: ReturnType<typeof openClient>) => Promise<Result>): Promise<Result> {
    looking ??= connectObserver()
    return use(await looking)
  }

  async function connectObserver(): Promise<ReturnType<typeof openClient>> {
    const client = openClient()
    let isCurrent = true
    const lose = () => {
      client.destroy()
      if (isCurrent) looking = undefined
      isCurrent = false
    }
    client.on('error', lose)
    return client.connect().catch((error: unknown) => {
      lose()
      throw error
    })
  }

  function stopLooking(): void {
    looking?.then(
      client => client.destroy(),
      () => {},
    )
    looking = undefined
  }

  // Whatever name the certificate of a test is for.
  function openClient() {
    const socket = { host, port, connectTimeout: 1000, socketTimeout: 5000, reconnectStrategy: false } as const
    return createClient({
      ...observer,
      socket: tls === undefined ? socket : { ...socket, tls: true, ca: tls.cert, checkServerIdentity: () => undefined },
    })
  }

  function isAnswering(): Promise<boolean> {
    return withClient(client => client.ping()).then(
      () => true,
      () => false,
    )
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    stopLooking()
    if (hasEnded(child)) return
    const exit = once(child, 'exit')
    child.kill(signal)
    // A frozen one hears nothing but SIGKILL.
    if (signal === 'SIGTERM') child.kill('SIGCONT')
    await exit
  }

  return {
    url: `${tls === undefined ? 'redis' : 'rediss'}://${host}:${port}`,
    port,
    async stop() {
      await end('SIGTERM')
      await rm(folder, { recursive: true, force: true })
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    kill: () => end('SIGKILL'),
    async restart() {
      await end('SIGTERM')
      child = await launch()
    },
    send: (...command) => withClient(client => client.sendCommand(command)),
    dump: () =>
      withClient(async client => {
        const entries: RedisEntry[] = []
        for await (const keys of client.scanIterator({ COUNT: 1000 })) {
          for (const key of keys) {
            const type = await client.type(key)
            // It may have run out since it was listed.
            if (type === 'none') continue
            const value =
              type === 'set' ? await client.sMembers(key) : type === 'zset' ? await client.zRange(key, 0, -1) : await client.get(key)
            if (value !== null) entries.push({ key, value, ttlMs: await client.pTTL(key) })
          }
        }
        return entries.filter(entry => entry.ttlMs !== -2)
      }),
  }
}

/** Starts several, or none. */
export async function startAll(all: readonly RedisServerOptions[]): Promise<readonly RedisServer[]> {
  const starts = await Promise.allSettled(all.map(options => startRedis(options)))
  const started = starts.flatMap(start => (start.status === 'fulfilled' ? [start.value] : []))
  const failure = starts.find(start => start.status === 'rejected')
  if (failure === undefined) return started
  await Promise.all(started.map(server => server.stop()))
  throw failure.reason
}

/** Tries again, for ports that were free may be taken by the time they are listened on. */
export async function tryThrice<Result>(start: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await start()
    } catch (error) {
      if (attempt === 3) throw error
    }
  }
}

export async function findFreePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null
}
