import { z } from 'zod'
import { secrets } from './references.ts'
import { certificates, distinct, judgedText, secret, text, whole, word } from './schema-values.ts'

/** Where sessions are kept. Which options belong to which kind is checked in check-store.ts. */
export const store = () =>
  z.strictObject({
    kind: z
      .enum(['memory', 'redis', 'redis-cluster', 'redis-sentinel'])
      .describe('memory is for one process and forgets at a restart; redis is one server, the others are what they are called.'),
    url: redisUrl()
      .optional()
      .describe('redis: or rediss: URL; with a password in it only as { env } or { file }. Required with kind: redis.'),
    nodes: distinct(address())
      .min(1)
      .max(100)
      .optional()
      .describe('Some nodes of the cluster as host:port; the others are found. Without a port: 6379. Required with kind: redis-cluster.'),
    sentinel: z
      .strictObject({
        master: text().describe('Name under which the sentinels know the master.'),
        nodes: distinct(address()).min(1).max(100).describe('The sentinels as host:port. Without a port: 26379.'),
        username: text().optional().describe('ACL user of the sentinels, which need not be that of Redis. Without it: their default user.'),
        password: secret()
          .optional()
          .describe('Its password; only as { env } or { file }. Without it: the sentinels are asked without one.'),
      })
      .optional()
      .describe('The sentinels that name the master. Required with kind: redis-sentinel.'),
    username: text().optional().describe('ACL user of Redis, with redis-cluster and redis-sentinel. Without it: the default user.'),
    password: secret()
      .optional()
      .describe('Its password, with redis-cluster and redis-sentinel; only as { env } or { file }. Without it: none is sent.'),
    database: whole(0, 9999)
      .optional()
      .describe('Number of the database, with redis-sentinel; with redis it stands in the URL, and a cluster has but one. Without it: 0.'),
    namespace: word(/^[A-Za-z0-9_-]{1,32}$/, '1 to 32 letters, digits, _ and -')
      .default('sp')
      .describe('First part of every Redis key; gateways that share sessions share it.'),
    tls: z
      .strictObject({
        ca: certificates()
          .optional()
          .describe("PEM of the certificate authorities believed for Redis, in place of the system's. Without it: the system's."),
      })
      .optional()
      .describe(
        'TLS towards Redis and its sentinels; {} is enough. With kind: redis it is the rediss: URL that asks for TLS. Without it: none with the others.',
      ),
  })

export type StoreOptions = z.output<ReturnType<typeof store>>

function redisUrl() {
  return mayHoldPassword(
    judgedText(value => {
      const url = URL.parse(value)
      if (url === null || (url.protocol !== 'redis:' && url.protocol !== 'rediss:') || url.hostname === '')
        return 'must be a URL such as redis://redis:6379 or rediss://redis:6379/0'
      if (url.search !== '' || url.hash !== '') return 'must not have a query or fragment'
      if (!isEncoded(url.username + url.password)) return 'must have its user and password percent-encoded: % is written %25'
      return /^(\/\d{0,4})?$/.test(url.pathname) ? null : 'must not have a path other than the number of a database'
    }),
  )
}

function address() {
  return mayHoldPassword(
    judgedText(value => {
      if (value.includes('//')) return 'must be host:port alone; tls: {} asks for TLS, username and password stand beside'
      const [, , port = '6379'] = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?$/.exec(value) ?? [null, null, '0']
      return Number(port) >= 1 && Number(port) <= 65_535 ? null : 'must be host:port, such as redis-1:6379 or [fd00::1]:6379'
    }),
  )
}

/** A text that is none of what it should be may still hold a password. */
function mayHoldPassword<T extends z.ZodType<string>>(schema: T): T {
  secrets.add(schema, {
    isSecret: value => typeof value === 'string' && ((URL.parse(value)?.password ?? '') !== '' || /:[^/]*@/.test(value)),
  })
  return schema
}

function isEncoded(text: string): boolean {
  try {
    return decodeURIComponent(text) !== null
  } catch {
    return false
  }
}
