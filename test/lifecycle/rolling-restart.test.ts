import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { type Cluster, startCluster } from '../support/cluster.ts'
import { eventually } from '../support/eventually.ts'
import { findFreePort } from '../support/redis-server.ts'
import { startSteadyCalls } from '../support/steady-calls.ts'
import { createVisitor } from '../support/visitor.ts'

let cluster: Cluster
before(async () => {
  cluster = await startCluster({ replicas: 2 })
})
after(() => cluster.close())

/** nginx in front of the replicas, with kept connections to them, as docs/operations.md has it. */
async function startNginx(ports: readonly number[]) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-rolling-'))
  const port = await findFreePort()
  const file = join(folder, 'nginx.conf')
  const write = (to: readonly number[]) =>
    writeFileSync(
      file,
      `daemon off; ${process.getuid?.() === 0 ? 'user root;' : ''} pid ${folder}/pid; error_log ${folder}/error.log; events {}
      http { access_log off; client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
      upstream gateways { ${to.map(one => `server 127.0.0.1:${one} max_fails=0;`).join(' ')} keepalive 16; }
      server { listen 127.0.0.1:${port}; location / {
        proxy_pass http://gateways; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $http_host;
      } } }`,
    )
  write(ports)
  const child = spawn('nginx', ['-c', file, '-e', `${folder}/error.log`], { stdio: 'ignore' })
  await eventually(() => isListening(port))
  return {
    port,
    /** As a load balancer learns of replicas that come and go. */
    point(to: readonly number[]) {
      write(to)
      child.kill('SIGHUP')
    },
    async close() {
      const ended = once(child, 'exit')
      child.kill('SIGTERM')
      await ended
      rmSync(folder, { recursive: true })
    },
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
}

describe('two replicas behind nginx, each replaced in its turn, under load', () => {
  it('OPS-03 lose no request', async t => {
    const { replicas } = cluster
    const nginx = await startNginx(replicas.map(({ port }) => port))
    t.after(() => nginx.close())
    const jars = [(await cluster.arrive()).at(0).jar, (await cluster.arrive()).at(0).jar]
    const people = jars.map(jar => createVisitor({ port: nginx.port, host: replicas[0]?.host ?? '' }, jar))
    // One only reads; what the other sends nobody may send twice.
    const traffic = startSteadyCalls(
      people.length,
      lane => people[lane]?.call('/api/home', lane === 0 ? {} : { method: 'POST', body: 'a=b' }) ?? assert.fail(),
    )
    await traffic.eachGets(200, 10)

    for (const at of replicas.keys()) {
      const next = await cluster.start()
      const before = replicas[at]
      replicas[at] = next
      nginx.point(replicas.map(({ port }) => port))
      await traffic.eachGets(200, 10)
      assert.equal(await before?.stop(), 0)
      await traffic.eachGets(200, 10)
    }
    const answers = await traffic.stop()

    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
    assert.equal(answers.length, cluster.upstream.requests.length)
  })
})
