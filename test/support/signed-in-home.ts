import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Script, type ScriptedServer, startAuthorizationServer } from './authorization-server.ts'
import { createHome, type Home } from './command-line.ts'

/** A person's account on a machine, signed in to a scripted gateway. */
export async function createSignedInHome(
  t: TestContext,
  script: Script = {},
): Promise<{ server: ScriptedServer; home: Home; handle: string }> {
  const handle = 'spt_the-stored-handle'
  const issued = [200, { access_token: handle, token_type: 'Bearer', expires_in: 3600, scope: 'orders.read sessions' }] as const
  const [server, home] = [await startAuthorizationServer(t, { device: [issued], ...script }), createHome(t)]
  const login = await home.run(['login', '--gateway', server.origin, '--device'])
  assert.equal(login.code, 0, login.err)
  server.calls.splice(0)
  return { server, home, handle }
}
