import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { openEvents } from '../support/event-reader.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { projectRoot } from '../support/project-files.ts'
import { startUpstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const host = 'app.example.test'

describe('the program, asked to stop', () => {
  // Open streams would otherwise hold it until it cuts them.
  it('ends open streams whole, and then itself', async t => {
    const idp = await startIdentityProvider({ redirectUris: [`https://${host}/auth/callback/main`] })
    const upstream = await startUpstream((_req, res) =>
      res.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: first\n\n'),
    )
    t.after(() => Promise.all([idp.close(), upstream.close()]))
    const { child, port } = await serve(
      t,
      {
        origins: [`https://${host}`],
        listen: { host: '127.0.0.1', port: 0 },
        identityProviders: { main: providerConfig(idp) },
        session: sessionConfig(),
        routes: [{ path: '/', upstream: upstream.origin, access: 'signed-in' }],
      },
      { CLIENT_SECRET: idp.clientSecret },
    )
    const visitor = createVisitor({ port, host })
    await visitor.signIn(idp)
    const streams = [await openEvents({ port, host }, visitor), await openEvents({ port, host }, { jar: visitor.jar, path: '/stream' })]
    await streams[1]?.until('data: first\n\n')

    child.kill('SIGTERM')

    for (const stream of streams) assert.equal((await stream.end()).isComplete, true)
    assert.deepEqual(child.exitCode === null ? await once(child, 'exit') : [child.exitCode, null], [0, null])
  })
})

/** Runs the program with a configuration, and waits until it listens. */
async function serve(t: { after(run: () => unknown): void }, config: object, env: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-stop-'))
  // JSON is YAML too.
  writeFileSync(join(folder, 'gateway.yaml'), JSON.stringify(config))
  const args = [join(projectRoot, 'src/cli/main.ts'), 'serve', '--config', join(folder, 'gateway.yaml')]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...makeSecrets(), NODE_OPTIONS: '', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.after(() => {
    child.kill('SIGKILL')
    rmSync(folder, { recursive: true })
  })
  for await (const line of createInterface(child.stdout)) {
    const { event, port } = JSON.parse(line) as { event: string; port?: number }
    if (event === 'listening' && port !== undefined) return { child, port }
  }
  throw new Error('the program does not listen')
}
