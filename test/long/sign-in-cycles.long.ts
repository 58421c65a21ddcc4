import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { createVisitor } from '../support/visitor.ts'

// Against the real provider, which is fast enough where people stay signed in there.
const cycles = 10_000
const browsers = 8
const tombstoneLifeMs = 3_600_000

let cluster: Cluster

before(async () => {
  // As from many addresses: one begins far fewer.
  const perMinute = { address: 1_000_000, all: 1_000_000 }
  cluster = await startCluster({ replicas: 2, session: { attempts: { perMinute } } })
})

after(() => cluster.close())

/** Every key as if an hour had passed: what is over by then goes. */
const passAnHour = `local cursor = '0'
repeat
  local found = redis.call('SCAN', cursor, 'COUNT', 1000)
  cursor = found[1]
  for _, key in ipairs(found[2]) do redis.call('PEXPIRE', key, redis.call('PTTL', key) - ${tombstoneLifeMs}) end
until cursor == '0'
return redis.call('DBSIZE')`

describe(`${cycles} sign-ins and logouts`, () => {
  it('RDS-07 leave nothing but tombstones for an hour, and then the key count where it began', async () => {
    const { redis, idp } = cluster
    const countBefore = Number(await redis.send('DBSIZE'))
    const startedAt = performance.now()
    let begun = 0
    let done = 0

    async function cycleOn(number: number): Promise<void> {
      const visitor = createVisitor(cluster.at(number))
      while (begun < cycles) {
        begun += 1
        assert.equal((await visitor.signIn(idp)).status, 303)
        assert.equal((await visitor.call('/auth/logout', { method: 'POST' })).status, 200)
        done += 1
        if (done % 500 === 0) process.stderr.write(`${done} cycles in ${Math.round((performance.now() - startedAt) / 1000)} s\n`)
      }
    }
    await Promise.all(Array.from({ length: browsers }, (_, number) => cycleOn(number)))

    assert.equal(done, cycles)
    const left = await redis.dump()
    for (const { key, value, ttlMs } of left) {
      assert.ok(value.toString().startsWith('!'), `${key} is no tombstone`)
      assert.ok(ttlMs > 0 && ttlMs <= tombstoneLifeMs, `${key} stays for ${ttlMs} ms`)
    }
    assert.ok(left.filter(({ key }) => key.endsWith(':s:0')).length > 0)
    assert.equal(Number(await redis.send('EVAL', passAnHour, '0')), countBefore)
  })
})
