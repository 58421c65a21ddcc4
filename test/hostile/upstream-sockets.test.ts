import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'

type Test = { after(run: () => unknown): void }

/** A server behind a socket in a folder of its own. */
async function startBehindSocket(t: Test, answer: RequestListener) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-socket-'))
  const socket = join(folder, 'web.sock')
  const server = createServer(answer)
  await new Promise<void>(resolve => server.listen(socket, resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return `unix:${socket}`
}

async function start(t: Test, route: Record<string, unknown>) {
  const path = await startRequestPath({ routes: [{ path: '/', access: 'anyone', ...route }] })
  t.after(() => path.close())
  return { path, get: (target: string) => exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`) }
}

describe('an upstream behind a unix socket', () => {
  it('is asked like any other, as localhost, or by the name that browsers see', async t => {
    const seen: string[] = []
    const upstream = await startBehindSocket(t, (req, res) => {
      seen.push(`${req.headers.host} ${req.url}`)
      res.end('ok')
    })
    const [plain, kept] = [await start(t, { upstream }), await start(t, { upstream, preserveHost: true })]

    const answers = [await plain.get('/a?b'), await plain.get('/c'), await kept.get('/d')]

    assert.deepEqual(
      answers.map(answer => answer.body),
      ['ok', 'ok', 'ok'],
    )
    assert.deepEqual(seen, ['localhost /a?b', 'localhost /c', `${host} /d`])
  })

  it('is 502 when nobody listens there, and others in its list do the work', async t => {
    const nobody = `unix:${join(tmpdir(), 'sallyport-nobody.sock')}`
    const upstream = await startBehindSocket(t, (_req, res) => res.end('ok'))
    const [alone, together] = [await start(t, { upstream: nobody }), await start(t, { upstream: [nobody, upstream] })]

    const [missing, served] = [await alone.get('/'), await together.get('/')]

    assert.equal(`${missing.status} ${missing.header('sallyport-error')}`, '502 upstream_unreachable')
    assert.equal((alone.path.errors[0] as { readonly reason?: string }).reason, 'enoent')
    assert.equal(served.status, 200)
  })
})
