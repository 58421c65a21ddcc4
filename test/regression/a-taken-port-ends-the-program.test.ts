import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { base, makeEnv } from '../data/config/base.ts'
import { projectRoot } from '../support/project-files.ts'

let folder = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-serve-'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

/*
 * What happened: a port that could not be had was complained about, and then the program stayed. Its connection to Redis,
 * or the wait for one, kept it alive, neither serving nor ended, so no supervisor started it again.
 *
 * What holds it now: what was opened is closed before the error goes on.
 */
describe('a port that is taken', () => {
  it('ends the program with 2, even while it looks for Redis', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const file = join(folder, 'gateway.yaml')
    const withRedis = base.replace('kind: memory', 'kind: redis\n    url: redis://127.0.0.1:9')
    writeFileSync(file, `${withRedis}listen: { host: 127.0.0.1, port: ${port} }\n`)

    const child = spawn(process.execPath, [join(projectRoot, 'src/cli/main.ts'), 'serve', '--config', file], {
      env: { ...process.env, ...makeEnv(), NODE_OPTIONS: '' },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 20_000,
    })
    const said: Buffer[] = []
    child.stderr.on('data', chunk => said.push(chunk))
    const [code] = await once(child, 'close')
    taken.close()

    assert.equal(code, 2)
    assert.match(Buffer.concat(said).toString(), /is taken/)
  })
})
