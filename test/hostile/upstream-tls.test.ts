import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'

const otherHost = 'other.example.test'

type Test = { after(run: () => unknown): void }

/** An https upstream with this certificate, and the gateway in front of it. */
async function start(t: Test, certificate: Certificate, options: { readonly name?: string; readonly preserveHost?: boolean } = {}) {
  const seen: string[] = []
  /** The names that TLS asked for, one for each connection; false for none. */
  const named: (string | false | null)[] = []
  const answer: RequestListener = (req, res) => {
    seen.push(String(req.headers.host))
    res.end('ok')
  }
  const server = createServer(certificate, answer)
  server.on('secureConnection', socket => named.push(socket.servername))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const upstream = `https://${options.name ?? 'localhost'}:${(server.address() as AddressInfo).port}`
  const path = await startRequestPath({
    routes: [{ path: '/', upstream, access: 'anyone', preserveHost: options.preserveHost ?? false }],
    config: { origins: [`https://${host}`, `https://${otherHost}`] },
  })
  t.after(async () => {
    await path.close()
    server.closeAllConnections()
    server.close()
  })
  return { seen, named, get: (from = host) => exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${from}`) }
}

/** Makes this process believe a certificate for the time of a test. */
function believe(t: Test, certificate: Certificate): void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, certificate.cert])
  t.after(() => setDefaultCACertificates(before))
}

describe('an https upstream', () => {
  it('PXY-09 is used when its certificate is good for its name', async t => {
    const certificate = makeCertificate(['localhost', '127.0.0.1'])
    believe(t, certificate)

    for (const name of ['localhost', '127.0.0.1']) {
      const { get, seen } = await start(t, certificate, { name })
      assert.equal((await get()).status, 200, name)
      assert.equal(seen.length, 1)
    }
  })

  it('PXY-09 is not used when nobody vouches for its certificate: 502, and it learns nothing', async t => {
    const { get, seen } = await start(t, makeCertificate(['localhost']))

    const response = await get()

    assert.equal(`${response.status} ${response.header('sallyport-error')}`, '502 upstream_unreachable')
    assert.deepEqual(seen, [])
  })

  it('PXY-09 is not used when its certificate is for another name or address', async t => {
    const certificate = makeCertificate(['elsewhere.test'])
    believe(t, certificate)

    for (const name of ['localhost', '127.0.0.1']) {
      const { get, seen } = await start(t, certificate, { name })
      assert.equal((await get()).header('sallyport-error'), 'upstream_unreachable', name)
      assert.deepEqual(seen, [])
    }
  })

  // undici takes the name from Host: a certificate for what browsers see would then do for any upstream.
  it('PXY-09 PXY-01 is checked by its own name where Host is the browser’s', async t => {
    const ours = makeCertificate([host])
    const theirs = makeCertificate(['localhost', '127.0.0.1'])
    believe(t, ours)
    believe(t, theirs)

    for (const name of ['localhost', '127.0.0.1']) {
      const wrong = await start(t, ours, { name, preserveHost: true })
      const right = await start(t, theirs, { name, preserveHost: true })

      assert.equal((await wrong.get()).header('sallyport-error'), 'upstream_unreachable', name)
      assert.equal((await right.get()).status, 200, name)
      assert.equal((await right.get(otherHost)).status, 200, name)
      assert.deepEqual(right.seen, [host, otherHost])
      // One connection for both, by the upstream's name; an address is no name (RFC 6066 §3).
      assert.deepEqual(right.named, [name === 'localhost' ? 'localhost' : false])
    }
  })
})
