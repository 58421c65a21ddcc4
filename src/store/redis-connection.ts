import { createClient, DisconnectsClientError, ErrorReply } from 'redis'
import { GatewayError } from '../errors.ts'
import { createRedisHealth, describeRedisError, type StoreEventListener } from './redis-health.ts'
import { beatMs, createInFlight } from './redis-in-flight.ts'
import { scripts } from './redis-scripts.ts'

export interface RedisConnectionOptions {
  /** `redis://` or `rediss://`, with user, password and database number where they are needed. */
  readonly url: string
  /** PEM of the authorities to trust instead of the well-known ones. Needs `rediss://`. */
  readonly tls?: { readonly ca: Buffer }
  readonly onEvent?: StoreEventListener
}

export type RedisClient = ReturnType<typeof openClient>

export interface RedisConnection {
  /**
   * Sends commands in this very call, or rejects at once where nothing can be sent.
   *
   * @param verb what the operator is told of when Redis refuses it
   * @throws {GatewayError} `store_unavailable`, after about 1 s without an answer
   */
  ask<Reply, Result>(verb: string, send: (client: RedisClient) => Promise<Reply>, read: (reply: Reply) => Result): Promise<Result>
  /** Waits for what was asked, then leaves nothing behind. */
  close(): Promise<void>
}

const connectTimeoutMs = 800
// With the handshake, whose answer no timeout of the client's covers.
const attemptTimeoutMs = 1200
const longestPauseMs = 600

/**
 * Opens a connection and keeps it open: whatever goes wrong, the client is thrown away and another one is
 * made, after a pause that grows. Starting never waits for Redis.
 *
 * The client's own means are not enough, each was seen failing: `commandOptions.timeout` ends when the command
 * is written, `socketTimeout` begins anew with every write, so that a frozen Redis goes unnoticed for as long
 * as there is traffic.
 *
 * @throws {TypeError} for a URL that is none of Redis; the message does not repeat it
 */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  checkUrl(options)
  const inFlight = createInFlight({ now: () => performance.now() })
  const health = createRedisHealth(options.onEvent)
  let ready: RedisClient | null = null
  let lossReason: unknown
  let failures = 0
  let pause: NodeJS.Timeout | undefined
  let heart: NodeJS.Timeout | undefined
  let isClosed = false
  let closing: Promise<void> | undefined
  let attempt = connect()

  async function connect(): Promise<void> {
    const client = openClient(options)
    client.on('error', error => {
      if (client === ready) lose(client, error)
    })
    let timeout: Error | undefined
    const timer = setTimeout(() => {
      timeout = new Error('no answer in time')
      client.destroy()
    }, attemptTimeoutMs)
    const failure = await client.connect().then(
      () => timeout,
      (error: unknown) => timeout ?? error,
    )
    clearTimeout(timer)
    // A client that is destroyed before its socket stands opens it all the same: hence the second destroy.
    if (failure !== undefined || isClosed) return lose(client, failure)
    ready = client
    failures = 0
    inFlight.restart()
    heart = setInterval(() => beat(client), beatMs)
    health.connected()
  }

  function lose(client: RedisClient, reason: unknown): void {
    ready = null
    lossReason = reason
    clearInterval(heart)
    // Rejects all that waits. Also after an answer that could not be read: the next ones might then be
    // taken for those of other questions.
    client.destroy()
    if (isClosed) return
    health.lost(reason)
    pause = setTimeout(() => {
      attempt = connect()
    }, pauseMs(failures))
    failures += 1
  }

  function beat(client: RedisClient): void {
    const state = inFlight.beat()
    if (state === 'stuck') lose(client, new Error('no answer in time'))
    // Finds out that a silent connection is dead before a request has to.
    else if (state === 'quiet' && !isClosed) ask('ping', sendPing, ignore).catch(ignore)
  }

  function ask<Reply, Result>(
    verb: string,
    send: (client: RedisClient) => Promise<Reply>,
    read: (reply: Reply) => Result,
  ): Promise<Result> {
    if (isClosed) return Promise.reject(unavailable('is closed'))
    if (ready === null) return Promise.reject(unavailable('cannot be reached', lossReason))
    if (inFlight.isFull()) return Promise.reject(unavailable('has too many commands waiting'))
    const sent = send(ready)
    // Only what was sent counts: a mistake that is thrown above has no answer to wait for.
    inFlight.begin()
    return sent.then(
      reply => {
        inFlight.end()
        health.answered(verb)
        return read(reply)
      },
      error => {
        inFlight.end()
        if (error instanceof ErrorReply) {
          health.refused(verb, error)
          throw unavailable(`refused ${verb}: ${describeRedisError(error)}`, error)
        }
        throw unavailable('was lost', error instanceof DisconnectsClientError ? lossReason : error)
      },
    )
  }

  async function shutDown(): Promise<void> {
    isClosed = true
    clearTimeout(pause)
    await attempt
    await inFlight.drained()
    clearInterval(heart)
    ready?.destroy()
    ready = null
  }

  return {
    ask,
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

function openClient(options: RedisConnectionOptions) {
  const socket = { connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const
  return createClient({
    url: options.url,
    scripts,
    disableOfflineQueue: true,
    // An AbortSignal per command, for nothing: see above.
    commandOptions: { timeout: 0 },
    // Both would send CLIENT commands that a narrow ACL refuses.
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: options.tls === undefined ? socket : { ...socket, tls: true, ca: options.tls.ca, rejectUnauthorized: true },
  })
}

function checkUrl(options: RedisConnectionOptions): void {
  const protocol = URL.parse(options.url)?.protocol
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw new TypeError('the store URL must begin with redis:// or rediss://')
  if (options.tls !== undefined && protocol !== 'rediss:') throw new TypeError('a store with tls needs a URL that begins with rediss://')
}

/** 50 ms, doubled with every failure; spread, so that the replicas do not all come back at one moment. */
function pauseMs(failures: number): number {
  return Math.min(50 * 2 ** failures, longestPauseMs) * (0.5 + Math.random() / 2)
}

function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError('store_unavailable', `the session store ${what}`, { cause })
}

function sendPing(client: RedisClient): Promise<string> {
  return client.sendCommand<string>(['PING'])
}

function ignore(): void {}
