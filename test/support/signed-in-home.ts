import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { type Script, type ScriptedServer, startAuthorizationServer } from './authorization-server.ts'
import { createHome, type Home } from './command-line.ts'
import { navigate } from './navigate.ts'

export interface SignedInOptions {
  /** What the gateway does afterwards. */
  readonly script?: Script
  /** How long the handle lives. */
  readonly seconds?: number
}

/** A person's account on a machine, signed in to a scripted gateway. */
export async function createSignedInHome(
  t: TestContext,
  { script = {}, seconds = 3600 }: SignedInOptions = {},
): Promise<{ server: ScriptedServer; home: Home; handle: string }> {
  const handle = 'spt_the-stored-handle'
  const issued = { access_token: handle, token_type: 'Bearer', expires_in: seconds, scope: 'orders.read sessions' }
  const [server, home] = [await startAuthorizationServer(t, { token: [200, issued] }), createHome(t)]
  const login = home.start(['login', '--gateway', server.origin])
  const { redirectUri, params } = server.approve(await home.sentTo())
  await navigate(redirectUri, { form: params })
  const { code, err } = await login.ended
  assert.equal(code, 0, err)
  server.calls.splice(0)
  delete server.script.token
  Object.assign(server.script, script)
  return { server, home, handle }
}
