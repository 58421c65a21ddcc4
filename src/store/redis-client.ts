import { createClient } from '@redis/client'
import type { RedisAccess, RedisAddress, RedisTls } from '../config/store-config.ts'
import { afterPatience } from './patience.ts'

export type RedisClient = ReturnType<typeof openRedisClient>

// Without it, what was given up long ago could go on connecting for minutes.
const connectTimeoutMs = 800

/**
 * Makes a client that connects once, when it is told to, and never by itself again.
 *
 * From @redis/client, of which `redis` is made: that adds the commands of four modules of Redis, 2 MB of memory for what
 * nobody asks. `redis` itself is what connect-redis is installed with.
 */
export function openRedisClient(address: RedisAddress, access: RedisAccess) {
  const { tls, ...login } = access
  const socket = { ...address, connectTimeout: connectTimeoutMs, reconnectStrategy: false } as const
  return createClient({
    ...login,
    disableOfflineQueue: true,
    // An AbortSignal per command, for nothing: the timeout ends when the command is written.
    commandOptions: { timeout: 0 },
    // Both would send CLIENT commands that a narrow ACL refuses.
    disableClientInfo: true,
    maintNotifications: 'disabled',
    socket: tls === undefined ? socket : { ...socket, tls: true, rejectUnauthorized: true, ...(tls.ca && { ca: tls.ca }) },
  })
}

/**
 * Asks one question over a connection of its own, all of it in `timeoutMs`.
 *
 * @throws {Error} an ErrorReply where it was answered so
 */
export async function askOnce<Reply>(
  address: RedisAddress,
  access: RedisAccess,
  question: readonly string[],
  timeoutMs: number,
): Promise<Reply> {
  const client = openRedisClient(address, access)
  client.on('error', () => {})
  const timeout = Promise.withResolvers<never>()
  const callOff = afterPatience(timeoutMs, () => {
    timeout.reject(new Error('no answer in time'))
    client.destroy()
  })
  try {
    return await Promise.race([exchange(), timeout.promise])
  } finally {
    callOff()
  }

  async function exchange(): Promise<Reply> {
    try {
      await client.connect()
      return await client.sendCommand<Reply>(question)
    } finally {
      // For a second time, where it comes late: a client that is destroyed before its socket stands opens it all the same.
      client.destroy()
    }
  }
}

/**
 * Reads `redis://` or `rediss://`, with user, password and database number where they are needed.
 *
 * @param tls needs `rediss://`
 * @throws {TypeError} for a URL that is none of Redis; the message does not repeat it
 */
export function readRedisUrl(url: string, tls?: RedisTls): { readonly address: RedisAddress; readonly access: RedisAccess } {
  const { protocol, hostname = '', port, username = '', password = '', pathname = '' } = URL.parse(url) ?? {}
  if (protocol !== 'redis:' && protocol !== 'rediss:') throw new TypeError('the store URL must begin with redis:// or rediss://')
  if (tls !== undefined && protocol !== 'rediss:') throw new TypeError('a store with tls needs a URL that begins with rediss://')
  const database = Number(pathname.slice(1))
  if (!Number.isInteger(database)) throw new TypeError('the path of the store URL must be the number of a database')
  return {
    address: { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || defaultPort) },
    access: {
      ...(username !== '' && { username: decodePart(username) }),
      ...(password !== '' && { password: decodePart(password) }),
      ...(database > 0 && { database }),
      ...(protocol === 'rediss:' && { tls: tls ?? {} }),
    },
  }
}

const defaultPort = 6379

function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new TypeError('user and password of the store URL must be percent-encoded')
  }
}

/** As messages and maps name it. */
export function formatAddress({ host, port }: RedisAddress): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
