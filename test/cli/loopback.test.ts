import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { describe, it, type TestContext } from 'node:test'
import { type Loopback, listenOnLoopback } from '../../src/cli/native/loopback.ts'
import { navigate } from '../support/navigate.ts'

const gateway = 'https://app.example.test'
const good = 'code=the-code&state=ours&iss=x'

async function listen(t: TestContext): Promise<Loopback> {
  const loopback = await listenOnLoopback({ gateway, port: 0, isOurs: params => params.get('state') === 'ours' })
  t.after(() => loopback.close())
  return loopback
}

/** Whether something listens at an address. */
function canConnect(host: string, port: number): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect({ host, port })
    const settle = (can: boolean) => {
      socket.destroy()
      resolve(can)
    }
    socket.on('connect', () => settle(true))
    socket.on('error', () => settle(false))
  })
}

describe('the loopback listener', () => {
  it('NAT-34 listens on 127.0.0.1 alone, on a port that the system chose', async t => {
    const { port, redirectUri } = await listen(t)

    const others = Object.values(networkInterfaces())
      .flatMap(list => list ?? [])
      .map(({ address }) => address)
      .filter(address => address !== '127.0.0.1')
    const reachable = await Promise.all(['127.0.0.1', '::1', ...others].map(host => canConnect(host, port)))

    assert.equal(redirectUri, `http://127.0.0.1:${port}/callback`)
    assert.deepEqual(reachable, [true, ...reachable.slice(1).map(() => false)])
  })

  it('NAT-34 goes on waiting after whatever is not ours, and answers ours once', async t => {
    const loopback = await listen(t)
    const at = (path: string) => new URL(path, loopback.redirectUri).href
    const form = new URLSearchParams(good)

    const strangers = await Promise.all([
      navigate(at('/callback?code=x&state=theirs&iss=x')),
      navigate(at('/callback?error=access_denied')),
      navigate(at(`/callback?${good}&state=ours`), { headers: { 'sec-fetch-dest': 'iframe' } }),
      navigate(at(`/callback?${good}`), { headers: { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' } }),
      navigate(at(`/callback?${good}`), { headers: { host: `localhost:${loopback.port}` } }),
      navigate(at(`/callback?${good}`), { headers: { host: `evil.test:${loopback.port}` } }),
      navigate(at('/callback'), { form, headers: { 'content-type': 'text/plain' } }),
      navigate(at('/callback'), { form: new URLSearchParams([...form, ['filler', 'x'.repeat(9000)]]) }),
    ])
    const [elsewhere, cancel, done, put] = await Promise.all([
      navigate(at(`/other?${good}`)),
      navigate(at('/cancel')),
      navigate(at('/done')),
      navigate(at(`/callback?${good}`), { method: 'PUT' }),
    ])
    const ours = navigate(at('/callback'), { form })
    const answer = await loopback.answer
    const second = await navigate(at(`/callback?${good}`))
    await loopback.finish('signed_in')

    assert.deepEqual(
      strangers.map(({ status }) => status),
      strangers.map(() => 400),
    )
    assert.deepEqual([elsewhere.status, cancel.status, done.status, put.status, second.status], [404, 404, 404, 405, 400])
    assert.equal(answer.get('code'), 'the-code')
    assert.equal((await ours).status, 200)
    await assert.rejects(navigate(at(`/callback?${good}`)), { code: 'ECONNREFUSED' })
  })

  it('takes the answer from a browser that says nothing of how it came', async t => {
    const loopback = await listen(t)
    const silent = { 'sec-fetch-site': null, 'sec-fetch-mode': null, 'sec-fetch-dest': null }

    const page = navigate(`${loopback.redirectUri}?${good}`, { headers: silent })
    await loopback.answer
    await loopback.finish('signed_in')

    assert.equal((await page).status, 200)
  })

  it('ends on a page without the answer in its address, without scripts, that nobody keeps', async t => {
    for (const [ending, title] of [
      ['signed_in', 'You are signed in'],
      ['denied', 'You are not signed in'],
      ['failed', 'You are not signed in'],
    ] as const) {
      const loopback = await listen(t)
      const visit = navigate(`${loopback.redirectUri}?${good}`)
      await loopback.answer
      await loopback.finish(ending)

      const { url, body, headers } = await visit
      assert.equal(new URL(url).pathname + new URL(url).search, '/done')
      assert.match(body, new RegExp(`<h1>${title}</h1>`))
      assert.match(body, /You can close this window/)
      assert.match(body, /prefers-color-scheme:dark/)
      assert.ok(!/<script|the-code|ours/.test(body))
      assert.match(
        String(headers['content-security-policy']),
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      )
      assert.deepEqual(
        [headers['cache-control'], headers['referrer-policy'], headers['x-content-type-options'], headers['set-cookie']],
        ['no-store', 'no-referrer', 'nosniff', undefined],
      )
    }
  })

  it('says that a port is taken, and what to do', async t => {
    const { port } = await listen(t)

    await assert.rejects(listenOnLoopback({ gateway, port, isOurs: () => true }), {
      name: 'CommandError',
      exitCode: 1,
      message: `port ${port} of this machine is taken: leave --port out, and a free one is found`,
    })
  })
})
