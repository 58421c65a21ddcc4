import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { createSignedInHome } from '../support/signed-in-home.ts'

describe('sallyport curl', () => {
  it("calls the gateway with the handle, by the system's curl", async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const ran = await home.run(['curl', '-sS', '/auth/session', '-w', '%{http_code}'])

    assert.deepEqual([ran.code, ran.err], [0, ''])
    assert.match(ran.out, /"authenticated":true.*200$/)
    assert.equal(server.calls[0]?.authorization, `Bearer ${handle}`)
  })

  it("passes curl's exit code on, and its stdin", async t => {
    const { server, home, handle } = await createSignedInHome(t)

    const [missing, posted] = [
      await home.run(['curl', '-sf', '/nothing']),
      await home.run(['curl', '-s', '--data-binary', '@-', '/oauth/nothing'], { input: 'field=from-stdin' }),
    ]

    assert.deepEqual([missing.code, posted.code], [22, 0])
    const call = server.calls.find(({ path }) => path === '/oauth/nothing')
    assert.deepEqual([call?.form.get('field'), call?.authorization], ['from-stdin', `Bearer ${handle}`])
  })

  it('NHI-02 gives the handle in no argument and no variable, whether curl reads stdin or not', async t => {
    const { home, handle } = await createSignedInHome(t)
    const seen = join(home.folder, 'seen')
    home.addProgram('curl', `{ tr '\\0' ' ' < /proc/$$/cmdline; env; } >> '${seen}'; cat "$3" > /dev/null`)

    await home.run(['curl', '/auth/session'])
    await home.run(['curl', '/auth/session', '-d', '@-'])

    const text = readFileSync(seen, 'utf8')
    assert.match(text, /-q --url .*\/auth\/session --config -/)
    assert.match(text, /-q --url .*\/auth\/session -d @- --config \/dev\/fd\/3/)
    assert.ok(!text.includes(handle))
  })

  it('masks the handle in what curl says of the request', async t => {
    const { home, handle } = await createSignedInHome(t)

    const ran = await home.run(['curl', '-sv', '/auth/session'])

    assert.match(ran.err, /^> Authorization: Bearer \[the handle\]$/m)
    assert.ok(!ran.err.includes(handle))
  })

  it('takes the handle nowhere else: not by an address, not by a redirect, not by a proxy', async t => {
    const { server, home, handle } = await createSignedInHome(t)
    const heard: string[] = []
    const stranger = createServer((req, res) => {
      heard.push(JSON.stringify(req.rawHeaders))
      res.end('hello')
    }).listen(0, '127.0.0.1')
    t.after(() => stranger.close())
    await eventually(() => stranger.address())
    const elsewhere = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}`

    const asked = await home.run(['curl', `${elsewhere}/x`])
    server.script.away = `${elsewhere}/redirected`
    const redirected = await home.run(['curl', '-sL', '/away'])
    const proxied = await home.run(['curl', '-s', '/auth/session'], { env: { http_proxy: elsewhere } })

    assert.equal(asked.code, 2)
    assert.match(asked.err, new RegExp(`the handle is for ${server.origin} alone`))
    assert.deepEqual([redirected.out, proxied.code], ['hello', 0])
    assert.equal(heard.length, 1)
    assert.ok(!heard.join().includes(handle))
    assert.ok(!asked.err.includes(handle))
  })

  it('says when there is no curl', async t => {
    const { home } = await createSignedInHome(t)

    const ran = await home.run(['curl', '/'], { env: { PATH: join(home.folder, 'bin') } })

    assert.deepEqual([ran.code, ran.err], [127, 'sallyport: curl is not installed, or not on the PATH\n'])
  })
})
