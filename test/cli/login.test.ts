import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startAuthorizationServer } from '../support/authorization-server.ts'
import { createHome } from '../support/command-line.ts'
import { navigate } from '../support/navigate.ts'

describe('sallyport login', () => {
  it('signs in by the browser of this machine, and keeps the handle', async t => {
    const [server, home] = [await startAuthorizationServer(t), createHome(t)]
    const login = home.start(['login', '--gateway', server.origin, '--json'])

    const { redirectUri, params, isPosted } = server.approve(await home.sentTo())
    const page = await navigate(redirectUri, { form: params })

    const ran = await login.ended
    assert.equal(ran.code, 0, ran.err)
    assert.ok(isPosted)
    assert.equal(page.url, new URL('/done', redirectUri).href)
    assert.match(page.body, /You are signed in/)
    const token = await home.run(['token'])
    assert.deepEqual([token.code, token.out], [0, `${server.handles[0]}\n`])
  })
})
