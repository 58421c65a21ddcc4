import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { createClient } from 'redis'
import { createRedisStore, type RedisStoreOptions } from '../../src/store/redis.ts'
import type { Store } from '../../src/store/store.ts'
import { makeCertificate } from '../support/certificate.ts'
import { documented, documentedSentinelUser, documentedUser } from '../support/redis-acl.ts'
import { type RedisServer, startRedis } from '../support/redis-server.ts'
import { listenToStore } from '../support/store-events.ts'
import { isUnavailable, newId } from './store-under-test.ts'

const life = { sessionTtlMs: 60_000, vaultTtlMs: 60_000 }

describe('RDS-05 TLS to Redis', () => {
  const certificate = makeCertificate()
  let redis: RedisServer

  before(async () => {
    redis = await startRedis({ tls: certificate })
  })
  after(() => redis.stop())

  it('is made with a Redis that the given authority vouches for', async t => {
    const { store, events } = open(t, { url: redis.url, tls: { ca: Buffer.from(certificate.cert) } })

    await events.until('up')

    assert.equal(await store.ping(), undefined)
  })

  const refused = {
    'under another authority': { tls: { ca: Buffer.from(makeCertificate().cert) } },
    'under the well-known authorities': {},
  }
  for (const [name, options] of Object.entries(refused)) {
    it(`is not made ${name}`, async t => {
      const { store, events } = open(t, { url: redis.url, ...options })

      await events.until('down')

      await assert.rejects(() => store.ping(), isUnavailable)
      assert.match(events.told.join(), /^down: .*certificate/)
    })
  }

  it('is not made with a certificate for another name', async t => {
    const foreign = makeCertificate(['redis.example'])
    const impostor = await startRedis({ tls: foreign })
    t.after(() => impostor.stop())
    const { store, events } = open(t, { url: impostor.url, tls: { ca: Buffer.from(foreign.cert) } })

    await events.until('down')

    await assert.rejects(() => store.ping(), isUnavailable)
  })

  it('is not left out when Redis wants it', async t => {
    const { store, events } = open(t, { url: redis.url.replace('rediss:', 'redis:') })

    await events.until('down')

    await assert.rejects(() => store.ping(), isUnavailable)
  })
})

describe('RDS-05 the ACL user of docs/store.md', () => {
  let redis: RedisServer

  before(async () => {
    redis = await startRedis({ acl: ['user default off', documentedUser('redis')] })
  })
  after(() => redis.stop())

  const forbidden = [
    ['KEYS', '*'],
    ['SCAN', '0'],
    ['CONFIG', 'GET', '*'],
    ['FLUSHALL'],
    ['FLUSHDB'],
    ['ACL', 'LIST'],
    ['MONITOR'],
    ['SHUTDOWN'],
    ['REPLICAOF', 'NO', 'ONE'],
    ['FAILOVER'],
    ['CLIENT', 'LIST'],
    ['CLUSTER', 'NODES'],
    ['CLUSTER', 'FAILOVER'],
    ['CLUSTER', 'RESET'],
    ['SUBSCRIBE', 'channel'],
    ['PUBLISH', 'channel', 'text'],
    ['SCRIPT', 'LOAD', 'return 1'],
    ['PERSIST', 'sp:{x}:v'],
    ['GET', 'other:{x}:v'],
    ['MGET', 'sp:{x}:v', 'other:{x}:v'],
    ['SET', 'spy', '1'],
    ['DEL', 'other'],
    ['EVAL', "return redis.call('KEYS', '*')", '0'],
    ['EVAL', "return redis.call('GET', 'other')", '0'],
  ]
  for (const kind of ['redis', 'redis-sentinel', 'redis-cluster'] as const) {
    it(`can do nothing but what the store needs, in its own keys (${kind})`, async t => {
      const server = await startRedis({ acl: ['user default off', documentedUser(kind)] })
      t.after(() => server.stop())
      const client = await connect(t, server)

      for (const command of forbidden) {
        // From inside a script, Redis 7 reports the refusal in words of its own.
        await assert.rejects(client.sendCommand(command), /NOPERM|user executing the script/, `${command} was let through`)
      }
    })
  }

  it('can do nothing at the sentinels but ask for the master', async t => {
    const server = await startRedis({
      acl: ['user default off', documentedSentinelUser()],
      sentinel: 'sentinel.conf',
      files: { 'sentinel.conf': `sentinel monitor mymaster 127.0.0.1 ${redis.port} 1\n` },
    })
    t.after(() => server.stop())
    const client = await connect(t, server)

    assert.deepEqual(await client.sendCommand(['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster']), ['127.0.0.1', `${redis.port}`])
    for (const command of [
      ['SENTINEL', 'MASTERS'],
      ['SENTINEL', 'FAILOVER', 'mymaster'],
      ['SENTINEL', 'SET', 'mymaster', 'quorum', '9'],
      ['SENTINEL', 'REMOVE', 'mymaster'],
      ['SENTINEL', 'CONFIG', 'GET', '*'],
      ['SUBSCRIBE', '+switch-master'],
      ['ACL', 'LIST'],
      ['SHUTDOWN'],
    ]) {
      await assert.rejects(client.sendCommand(command), /NOPERM/, `${command} was let through`)
    }
  })

  it('could do with no command less', async t => {
    const { store, events } = open(t, { url: redis.url.replace('//', `//${documented.username}:${documented.password}@`) })
    await events.until('up')
    await useEveryVerb(store)
    const commands = documentedUser('redis').match(/(?<= \+)[a-z|]+/g) ?? []

    const unneeded: string[] = []
    for (const command of commands) {
      await redis.send('ACL', 'SETUSER', documented.username, `-${command}`)
      const isNeeded = await useEveryVerb(store).then(
        () => false,
        () => true,
      )
      if (!isNeeded) unneeded.push(command)
      await redis.send('ACL', 'SETUSER', documented.username, `+${command}`)
    }

    // Without it nobody is warned of eviction.
    assert.deepEqual(unneeded, ['info'])
  })

  it('is let in with its password alone, and as soon as that is right', async t => {
    const { store, events } = open(t, { url: redis.url.replace('//', '//sallyport:wrong-one@') })

    await events.until('down')
    assert.deepEqual(events.told, ['down: WRONGPASS'])
    const error = await store.ping().catch((thrown: unknown) => thrown)
    assert.ok(!`${error} ${(error as Error).cause}`.includes('wrong-one'))

    await redis.send('ACL', 'SETUSER', 'sallyport', '>wrong-one')
    await events.until('up')
    assert.equal(await store.ping(), undefined)
  })

  it('may have any characters in its password, percent-encoded in the URL', async t => {
    const password = 'a/b:c@d#e %?'
    await redis.send('ACL', 'SETUSER', 'sallyport', `>${password}`)
    const { store, events } = open(t, { url: redis.url.replace('//', `//sallyport:${encodeURIComponent(password)}@`) })

    await events.until('up')

    assert.equal(await store.ping(), undefined)
  })
})

describe('the Redis store where Redis refuses', () => {
  let redis: RedisServer

  before(async () => {
    redis = await startRedis()
  })
  after(() => redis.stop())

  async function createFamily(store: Store): Promise<string> {
    const id = newId()
    assert.equal(await store.createFamily(id, { session: 'session', vault: 'vault' }, life), true)
    return id
  }

  it('RDS-06 rejects, tells the operator once, and tells when it is over', async t => {
    const { store, events } = open(t, { url: redis.url })
    await events.until('up')
    const id = await createFamily(store)

    await redis.send('ACL', 'SETUSER', 'default', '-mget')
    for (let call = 0; call < 3; call += 1) await assert.rejects(async () => store.readFamily(id, '0'), isUnavailable)
    assert.equal(await store.peekOnce({ kind: 'attempt', id }), null)
    assert.deepEqual(events.told, ['up', 'down: readFamily: NOPERM'])

    await redis.send('ACL', 'SETUSER', 'default', '+mget')
    assert.equal((await store.readFamily(id, '0')).session, 'session')
    assert.deepEqual(events.told, ['up', 'down: readFamily: NOPERM', 'up'])
  })

  it('RDS-06 takes nothing new when Redis is full, and still ends what there is', async t => {
    const { store, events } = open(t, { url: redis.url })
    await events.until('up')
    const id = await createFamily(store)
    t.after(() => redis.send('CONFIG', 'SET', 'maxmemory', '0'))
    await redis.send('CONFIG', 'SET', 'maxmemory', '1')

    await assert.rejects(() => store.createFamily(newId(), { session: 's', vault: 'v' }, life), isUnavailable)
    await assert.rejects(() => store.putOnce({ kind: 'attempt', id }, 'value', 1000), isUnavailable)
    assert.equal((await store.readFamily(id, '0')).session, 'session')
    assert.equal(await store.endFamily(id, 'logged_out', 1000), true)

    assert.deepEqual(await store.readFamily(id, '0'), { session: null, vault: null })
    assert.deepEqual(events.told, ['up', 'down: createFamily: OOM', 'down: putOnce: OOM'])
  })

  it('RDS-06 reads from a Redis that became a replica, and rejects what would be lost there', async t => {
    const { store, events } = open(t, { url: redis.url })
    await events.until('up')
    const id = await createFamily(store)
    t.after(() => redis.send('REPLICAOF', 'NO', 'ONE'))
    // Nobody listens on port 1: the replica keeps what it has.
    await redis.send('REPLICAOF', '127.0.0.1', '1')

    await assert.rejects(() => store.endFamily(id, 'logged_out', 1000), isUnavailable)

    assert.deepEqual(await store.readFamily(id, '0'), { session: 'session', vault: 'vault' })
    assert.deepEqual(events.told, ['up', 'down: endFamily: READONLY'])
  })

  it('RDS-06 rejects where a key holds something else', async t => {
    const { store, events } = open(t, { url: redis.url })
    await events.until('up')
    const id = newId()
    await redis.send('RPUSH', `sp:{${id}}:o:attempt`, 'value')

    await assert.rejects(() => store.peekOnce({ kind: 'attempt', id }), isUnavailable)
    await assert.rejects(() => store.takeOnce({ kind: 'attempt', id }, 'value'), isUnavailable)

    assert.deepEqual(events.told, ['up', 'down: peekOnce: WRONGTYPE', 'down: takeOnce: WRONGTYPE'])
  })
})

describe('createRedisStore', () => {
  it('refuses what is no URL of Redis, without repeating it', () => {
    for (const url of ['', 'redis', 'http://user:sesame@127.0.0.1', 'redis//user:sesame@127.0.0.1']) {
      assert.throws(
        () => createRedisStore({ url, namespace: 'sp' }),
        error => error instanceof TypeError && !error.message.includes('sesame'),
      )
    }
  })

  it('refuses an authority where nothing would be checked against it', () => {
    assert.throws(() => createRedisStore({ url: 'redis://127.0.0.1', namespace: 'sp', tls: { ca: Buffer.alloc(0) } }), TypeError)
  })

  it('RDS-10 refuses a namespace that is more than a name', () => {
    for (const namespace of ['', 'a:b', '{sp}', 'sp*', 'a'.repeat(33)]) {
      assert.throws(() => createRedisStore({ url: 'redis://127.0.0.1', namespace }), TypeError)
    }
  })
})

function open(t: { after(clean: () => Promise<void>): void }, options: Omit<RedisStoreOptions, 'namespace' | 'onEvent'>) {
  const events = listenToStore()
  const store = createRedisStore({ ...options, namespace: 'sp', onEvent: events.onEvent })
  t.after(() => store.close())
  return { store, events }
}

async function connect(t: { after(clean: () => void): void }, server: RedisServer) {
  const client = createClient({ url: server.url, ...documented, socket: { reconnectStrategy: false } })
  // The server may go first.
  client.on('error', () => {})
  t.after(() => client.destroy())
  return client.connect()
}

/** Each verb where it has something to do. */
async function useEveryVerb(store: Store): Promise<void> {
  const [id, item, index] = [newId(), { kind: 'attempt', id: newId() } as const, { kind: 'user', id: newId() } as const]
  await store.createFamily(id, { session: 'session', vault: 'vault' }, life)
  await store.readFamily(id, '0')
  await store.replaceSession(id, '0', 'session', 'next', life)
  await store.replaceVault(id, 'vault', 'next')
  await store.takeLease(id, 'holder', 1000)
  await store.extendLease(id, 'holder', 1000)
  await store.releaseLease(id, 'holder')
  await store.addMember(id, '0', 'one', 'session', life, 20)
  await store.countFor(id, 'one', 1000)
  await store.readCounts(id, ['one', 'two'])
  await store.readMembers(id)
  await store.endMembers(id, ['one'], 'revoked', 1000)
  await store.addMember(id, '0', 'two', 'session', life, 20)
  await store.endFamily(id, 'logged_out', 1000)
  await store.addToIndex(index, id, 1000)
  await store.readIndex(index)
  await store.removeFromIndex(index, [id])
  await store.setMark(index, 'value', 1000)
  await store.readMark(index)
  await store.putDue(id, 1)
  await store.takeDue(1, 1000)
  await store.dropDue(id)
  await store.putOnce(item, 'value', 1000)
  await store.peekOnce(item)
  await store.takeOnce(item, 'value')
  await store.ping()
}
