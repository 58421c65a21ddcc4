import { DisconnectsClientError, ErrorReply } from '@redis/client'
import type { RedisAccess, RedisAddress } from '../config/store-config.ts'
import { GatewayError } from '../errors.ts'
import { afterPatience } from './patience.ts'
import { openRedisClient, type RedisClient } from './redis-client.ts'
import { ping, type RedisCommand } from './redis-command.ts'
import { describeRedisError, type RedisHealthPart } from './redis-health.ts'
import { beatMs, createInFlight } from './redis-in-flight.ts'

export interface RedisConnectionOptions {
  readonly access: RedisAccess
  /** Where to connect to; asked before every attempt. Its time counts as that of the attempt. */
  readonly locate: () => RedisAddress | Promise<RedisAddress>
  /** Looks at the server before it is used; throws where it is none to talk to. */
  readonly admit?: (client: RedisClient) => Promise<void>
  readonly health: Omit<RedisHealthPart, 'leave'>
  readonly onConnected?: () => void
  /** May have an answer in place of a refusal, from elsewhere. */
  readonly redirect?: (command: RedisCommand, refusal: ErrorReply) => Promise<unknown> | undefined
}

export interface RedisConnection {
  /**
   * Sends a command in this very call, or rejects at once where nothing can be sent.
   *
   * @throws {GatewayError} `store_unavailable`, after about 1 s without an answer
   */
  ask<Reply, Result>(command: RedisCommand, read: (reply: Reply) => Result): Promise<Result>
  /** The same for what serves no verb: whether a refusal, an ErrorReply, means anything is the asker's to say. */
  inquire<Reply>(question: readonly string[]): Promise<Reply>
  isReady(): boolean
  /** Resolves when the attempt to connect that is being made, if any, has come to its end. */
  attempted(): Promise<void>
  /** Gives the connection up for another one. */
  drop(reason: unknown): void
  /** Waits for what was asked, then leaves nothing behind. */
  close(): Promise<void>
}

// With the greeting, whose answer no timeout of the client's covers, and whatever comes before and after.
const attemptTimeoutMs = 1200
const longestPauseMs = 600

/**
 * Opens a connection and keeps it open: whatever goes wrong, the client is thrown away and another one is
 * made, after a pause that grows. Starting never waits for Redis.
 *
 * The client's own means are not enough, each was seen failing: `commandOptions.timeout` ends when the command
 * is written, `socketTimeout` begins anew with every write, so that a frozen Redis goes unnoticed for as long
 * as there is traffic.
 */
export function createRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { health } = options
  const inFlight = createInFlight({ now: () => performance.now() })
  let ready: RedisClient | null = null
  let lossReason: unknown
  let failures = 0
  let pause: NodeJS.Timeout | undefined
  let heart: NodeJS.Timeout | undefined
  let isClosed = false
  let closing: Promise<void> | undefined
  let attempt = connect()

  async function connect(): Promise<void> {
    const late = new AbortController()
    const callOff = afterPatience(attemptTimeoutMs, () => late.abort(new Error('no answer in time')))
    const { client, failure } = await open(late.signal)
    callOff()
    if (client === undefined || failure !== undefined || isClosed) return lose(client, failure)
    ready = client
    failures = 0
    inFlight.restart()
    heart = setInterval(() => beat(client), beatMs)
    health.connected()
    options.onConnected?.()
  }

  async function open(late: AbortSignal): Promise<{ readonly client?: RedisClient; readonly failure?: unknown }> {
    let client: RedisClient | undefined
    try {
      const address = await options.locate()
      late.throwIfAborted()
      const opened = openRedisClient(address, options.access)
      client = opened
      opened.on('error', error => {
        if (opened === ready) lose(opened, error)
      })
      late.addEventListener('abort', () => opened.destroy())
      await opened.connect()
      await options.admit?.(opened)
      late.throwIfAborted()
      return { client }
    } catch (error) {
      const failure = late.aborted ? late.reason : error
      return client === undefined ? { failure } : { client, failure }
    }
  }

  function lose(client: RedisClient | undefined, reason: unknown): void {
    ready = null
    lossReason = reason
    clearInterval(heart)
    // Rejects all that waits. Also after an answer that could not be read: the next ones might then be taken for
    // those of other questions. And where it was destroyed before: a client whose socket did not stand yet opens
    // it all the same.
    client?.destroy()
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
    else if (state === 'quiet' && !isClosed) ask(ping, ignore).catch(ignore)
  }

  /** The client to send with, or why nothing can be sent. */
  function sender(): RedisClient | GatewayError {
    if (isClosed) return unavailable('is closed')
    if (ready === null) return unavailable('cannot be reached', lossReason)
    return inFlight.isFull() ? unavailable('has too many commands waiting') : ready
  }

  function ask<Reply, Result>(command: RedisCommand, read: (reply: Reply) => Result): Promise<Result> {
    const client = sender()
    if (client instanceof GatewayError) return Promise.reject(client)
    if (command.isAsking) inquire(['ASKING']).catch(ignore)
    const sent = client.sendCommand<Reply>(command.args)
    // Only what was sent counts: a mistake that is thrown above has no answer to wait for.
    inFlight.begin()
    return sent.then(
      reply => {
        inFlight.end()
        health.answered(command.verb)
        return read(reply)
      },
      error => {
        inFlight.end()
        return explain(client, command, error, read)
      },
    )
  }

  function explain<Reply, Result>(
    client: RedisClient,
    command: RedisCommand,
    error: unknown,
    read: (reply: Reply) => Result,
  ): Promise<Result> {
    if (!(error instanceof ErrorReply)) throw lost(error)
    const elsewhere = options.redirect?.(command, error)
    if (elsewhere !== undefined) return elsewhere.then(reply => read(reply as Reply))
    // Once admitted as a master: it is one no more, and what it reads is old.
    if (options.admit !== undefined && error.message.startsWith('READONLY')) drop(error, client)
    else health.refused(command.verb, error)
    throw unavailable(`refused ${command.verb}: ${describeRedisError(error)}`, error)
  }

  async function inquire<Reply>(question: readonly string[]): Promise<Reply> {
    const client = sender()
    if (client instanceof GatewayError) throw client
    const sent = client.sendCommand<Reply>(question)
    inFlight.begin()
    try {
      return await sent
    } catch (error) {
      throw error instanceof ErrorReply ? error : lost(error)
    } finally {
      inFlight.end()
    }
  }

  function lost(error: unknown): GatewayError {
    return unavailable('was lost', error instanceof DisconnectsClientError ? lossReason : error)
  }

  function drop(reason: unknown, client = ready): void {
    if (client !== null && client === ready) lose(client, reason)
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
    inquire,
    isReady: () => ready !== null,
    attempted: () => attempt,
    drop: reason => drop(reason),
    close() {
      closing ??= shutDown()
      return closing
    },
  }
}

/** 50 ms, doubled with every failure; spread, so that the replicas do not all come back at one moment. */
function pauseMs(failures: number): number {
  return Math.min(50 * 2 ** failures, longestPauseMs) * (0.5 + Math.random() / 2)
}

export function unavailable(what: string, cause?: unknown): GatewayError {
  return new GatewayError('store_unavailable', `the session store ${what}`, { cause })
}

function ignore(): void {}
