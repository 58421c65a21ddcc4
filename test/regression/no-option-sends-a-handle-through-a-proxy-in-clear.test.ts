// A gateway of this machine is called in clear, so never through a proxy. `--noproxy` of the caller's took that back, as
// curl takes the last word, and ours came first: with `--proxy` beside it the handle went to another machine.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { it } from 'node:test'
import { createSignedInHome } from '../support/signed-in-home.ts'

for (const input of [[], ['-d', '@-']]) {
  it(`sallyport curl ${input.join(' ')} sends no handle through a proxy in clear`, async t => {
    const { server, home, handle } = await createSignedInHome(t)
    const proxied: string[] = []
    const proxy = createServer((req, res) => {
      proxied.push(String(req.headers.authorization))
      res.end()
    })
    await new Promise<void>(resolve => proxy.listen(0, '127.0.0.1', resolve))
    t.after(() => proxy.close())
    const at = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`

    const ran = await home.run(['curl', '/api/orders', '--noproxy', 'elsewhere', '--proxy', at, ...input])

    assert.deepEqual([ran.code, proxied], [0, []])
    assert.equal(server.calls[0]?.authorization, `Bearer ${handle}`)
  })
}
