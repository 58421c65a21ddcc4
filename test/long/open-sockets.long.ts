import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, describe, it } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { assertFlat, describeMemory, tell } from '../support/memory-growth.ts'
import type { MemoryUse } from '../support/memory-witness.ts'
import type { Visitor } from '../support/visitor.ts'
import { type FramePeer, openByHand, type SocketServer, startSocketServer } from '../support/web-socket.ts'
import { close, closing, ping, pong, text } from '../support/web-socket-frames.ts'

const count = 5000
// Of one person in 50 browsers, 50 sockets each; the rest are nobody's. An upstream takes 4,096 of one gateway.
const browsers = 50
const perBrowser = 50
const opening = 50
/** Two rounds of pings, and thirty looks at the sessions. IDLE_SECONDS=5 tries it out. */
const idleSeconds = Number(process.env.IDLE_SECONDS ?? 60)
// src/request/open-sockets.ts, and a round that is slow.
const pingSeconds = 30
const idleBounds = { heapMiB: 4, rssMiB: 16 }
const bounds = { heapMiB: 6, rssMiB: 64 }
const patienceMs = 120_000

let own: SocketServer
let open: SocketServer
let cluster: Cluster

before(async () => {
  ;[own, open] = await Promise.all([startSocketServer({ echoes: true }), startSocketServer({ echoes: true })])
  cluster = await startCluster({
    replicas: 1,
    isWatched: true,
    // Half of them from one address, where all of ours come from.
    listen: { maxConnections: count * 3 },
    session: { perUserLimit: browsers * 3 },
    routes: [
      { path: '/api/feed', upstream: own.origin, access: 'signed-in', token: 'access', websocket: {} },
      { path: '/feed', upstream: open.origin, access: 'anyone', websocket: {} },
    ],
  })
})

after(async () => {
  await cluster?.close()
  await own?.close()
  await open?.close()
})

/** One client, which answers pings. */
async function connect(target: string, jar: ReadonlyMap<string, string>): Promise<FramePeer> {
  const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const peer = await openByHand(cluster.at(0), target, cookie === '' ? [] : [`Cookie: ${cookie}`])
  let seen = 0
  peer.socket.on('data', () => {
    for (const { opcode } of peer.frames.slice(seen)) if (opcode === ping) peer.send(pong, '')
    seen = peer.frames.length
  })
  return peer
}

/** Opens them all, some at a time. */
async function connectAll(visitors: readonly Visitor[]): Promise<{ readonly signedIn: FramePeer[]; readonly anyone: FramePeer[] }> {
  const jars = visitors.flatMap(({ jar }) => Array.from({ length: perBrowser }, () => jar))
  const [signedIn, anyone]: [FramePeer[], FramePeer[]] = [[], []]
  let begun = 0
  const lanes = Array.from({ length: opening }, async () => {
    while (begun < count) {
      const jar = jars[begun++]
      if (jar === undefined) anyone.push(await connect('/feed', new Map()))
      else signedIn.push(await connect('/api/feed', jar))
    }
  })
  await Promise.all(lanes)
  return { signedIn, anyone }
}

describe(`${count} open WebSockets`, () => {
  it('cost memory while they are open only, are all alive after a while, and stand in nobody’s way', {
    timeout: 900_000,
  }, async () => {
    const needed = count * 2 + 500
    const files = execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()
    // Each socket is two connections, both of the gateway and of this process.
    assert.ok(files === 'unlimited' || Number(files) >= needed, `ulimit -Hn is ${files}: ${needed} are needed`)
    const gateway = cluster.at(0)
    const settled: MemoryUse[] = []

    for (const round of [1, 2]) {
      const visitors = await Promise.all(Array.from({ length: browsers }, async () => (await cluster.arrive()).at(0)))
      const caller = (await cluster.arrive()).at(0)
      const { signedIn, anyone } = await connectAll(visitors)
      const all = [...signedIn, ...anyone]
      const opened = await gateway.memory('settle')
      tell(`round ${round}, ${all.length} open`, describeMemory(opened))

      for (let second = 0; second < idleSeconds; second += 1) {
        await wait(1000)
        assert.equal((await caller.call('/api/home')).status, 200)
      }
      assert.deepEqual(
        [all.length, signedIn.length, all.filter(({ socket }) => socket.destroyed).length],
        [count, browsers * perBrowser, 0],
      )
      const isAsked = ({ frames }: FramePeer) => frames.some(({ opcode }) => opcode === ping)
      assert.ok(idleSeconds < pingSeconds || all.every(isAsked), 'the gateway asks each whether it is there')
      assertFlat(`round ${round}, idle`, opened, await gateway.memory('settle'), idleBounds)

      for (const peer of all) peer.send(text, 'still there')
      await eventually(() => all.every(peer => peer.texts().includes('still there')), patienceMs)

      // Half of them end with their sessions, the others are left by their clients.
      await Promise.all(visitors.map(visitor => visitor.call('/auth/logout', { method: 'POST' })))
      for (const peer of anyone) peer.send(close, closing(1000))
      const codes = await Promise.all(all.map(peer => peer.closed()))
      for (const { socket } of all) socket.end()
      assert.deepEqual(new Set(codes.map(({ code }) => code)), new Set([4401, 1000]))
      await eventually(async () => (await gateway.memory('look')).handles < 100, patienceMs)
      settled.push(await gateway.memory('settle'))
      tell(`round ${round}, closed`, describeMemory(settled.at(-1) ?? opened))
    }

    // The first round has made room that no allocator gives back.
    const [first, second] = settled
    assertFlat('a second round', first ?? assert.fail(), second ?? assert.fail(), bounds)
  })
})
