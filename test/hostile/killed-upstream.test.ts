import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { describe, it } from 'node:test'
import { host, startRequestPath } from '../support/request-path.ts'

type Test = { after(run: () => unknown): void }

/** A server in a process of its own, which answers with its name after some work. */
async function startProcess(t: Test, name: string, port = 0): Promise<{ readonly child: ChildProcess; readonly port: number }> {
  const program = `
    const server = require('node:http').createServer((req, res) => setTimeout(() => res.end('${name}'), Math.random() * 5))
    server.listen(${port}, '127.0.0.1', () => console.log(server.address().port))`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { child, port: Number(String(line)) }
}

const methods = ['GET', 'GET', 'GET', 'HEAD', 'OPTIONS', 'DELETE']

describe('one of three upstreams that is killed under load', () => {
  it('PXY-13 fails no idempotent request, is told of once, and does its share again when it is back', async t => {
    const servers = await Promise.all(['a', 'b', 'c'].map(name => startProcess(t, name)))
    const [killed] = servers
    assert.ok(killed)
    let now = 1_000_000
    const path = await startRequestPath({
      routes: [{ path: '/', upstream: servers.map(({ port }) => `http://127.0.0.1:${port}`), access: 'anyone' }],
      now: () => now,
    })
    const agent = new Agent({ keepAlive: true, maxSockets: 24 })
    t.after(async () => {
      agent.destroy()
      await path.close()
    })
    let answered = 0
    const send = (method: string) =>
      new Promise<string>((resolve, reject) => {
        const req = request({ port: path.port, host: '127.0.0.1', path: '/', method, headers: { host }, agent }, res => {
          let body = ''
          res.setEncoding('utf8').on('data', text => {
            body += text
          })
          res.on('end', () => {
            answered++
            resolve(`${res.statusCode}${res.statusCode === 200 ? '' : res.headers['sallyport-error']} ${body}`)
          })
        })
        req.on('error', reject)
        req.end()
      })
    const load = async (requests: number, during?: () => void) => {
      const answers: string[] = []
      const client = async () => {
        for (let i = 0; i < requests / 24; i++) {
          answers.push(await send(methods[i % methods.length] ?? 'GET'))
          if (answered >= requests / 3) during?.()
        }
      }
      await Promise.all(Array.from({ length: 24 }, client))
      return answers
    }

    const answers = await load(1200, () => killed.child.kill('SIGKILL'))
    await startProcess(t, 'again', killed.port)
    now += 1000
    const after = await load(240)

    assert.deepEqual(
      [...new Set(answers)].filter(answer => !/^200 [abc]?$/.test(answer)),
      [],
    )
    assert.ok(answers.includes('200 a'))
    assert.deepEqual([...new Set(after)].toSorted(), ['200 ', '200 again', '200 b', '200 c'])
    assert.deepEqual(
      path.lines.map(line => `${line.event} ${line.upstream}`),
      [`upstream_down http://127.0.0.1:${killed.port}`, `upstream_up http://127.0.0.1:${killed.port}`],
    )
  })
})
