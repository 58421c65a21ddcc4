import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, it } from 'node:test'
import { getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { exchangeRaw } from '../support/raw-http.ts'
import { host, startRequestPath } from '../support/request-path.ts'

const otherHost = 'other.example.test'

type Test = { after(run: () => unknown): void }

interface Options {
  /** The host in the configured address. */
  readonly name?: string
  readonly preserveHost?: boolean
  /** The upstream's `tls` section. */
  readonly tls?: Record<string, unknown>
  readonly env?: Record<string, string>
  /** The authority whose certificates it asks for. */
  readonly clientCa?: string
}

/** An https upstream with this certificate, and the gateway in front of it. */
async function start(t: Test, certificate: Certificate, options: Options = {}) {
  const { name = 'localhost', preserveHost = false, tls, env = {}, clientCa } = options
  const seen: string[] = []
  /** The names that TLS asked for, one for each connection; false for none. */
  const named: (string | false | null)[] = []
  /** Whose certificates were shown. */
  const shown: (string | undefined)[] = []
  const answer: RequestListener = (req, res) => {
    seen.push(String(req.headers.host))
    res.end('ok')
  }
  const asks = clientCa === undefined ? {} : { requestCert: true, rejectUnauthorized: true, ca: clientCa }
  const server = createServer({ ...certificate, ...asks }, answer)
  server.on('secureConnection', socket => {
    named.push(socket.servername)
    shown.push(socket.getPeerX509Certificate()?.subject)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = `https://${name}:${(server.address() as AddressInfo).port}`
  const path = await startRequestPath({
    routes: [{ path: '/', upstream: tls === undefined ? url : { url, tls }, access: 'anyone', preserveHost }],
    config: { origins: [`https://${host}`, `https://${otherHost}`] },
    env,
  })
  t.after(async () => {
    await path.close()
    server.closeAllConnections()
    server.close()
  })
  return { seen, named, shown, path, get: (from = host) => exchangeRaw(path.port, `GET / HTTP/1.1\r\nHost: ${from}`) }
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

describe('the TLS of an upstream', () => {
  const reason = (path: { readonly errors: readonly unknown[] }) => (path.errors.at(-1) as { readonly reason?: string }).reason

  it('PXY-09 believes the upstream’s own authority, and for that upstream no other', async t => {
    const [theirs, others] = [makeCertificate(['localhost']), makeCertificate(['localhost'])]
    believe(t, others)
    const tls = { ca: { env: 'CA' } }

    const right = await start(t, theirs, { tls, env: { CA: theirs.cert } })
    const wrong = await start(t, others, { tls, env: { CA: theirs.cert } })

    assert.equal((await right.get()).status, 200)
    assert.equal((await wrong.get()).header('sallyport-error'), 'upstream_unreachable')
    assert.deepEqual([wrong.seen, reason(wrong.path)], [[], 'depth_zero_self_signed_cert'])
  })

  it('PXY-09 asks for the name that is configured and wants it in the certificate, not that of the address', async t => {
    const [named, local] = [makeCertificate(['orders.internal']), makeCertificate(['localhost', '127.0.0.1'])]
    const tls = { ca: { env: 'CA' }, serverName: 'orders.internal' }

    for (const name of ['localhost', '127.0.0.1']) {
      const right = await start(t, named, { name, tls, env: { CA: named.cert }, preserveHost: true })
      const wrong = await start(t, local, { name, tls, env: { CA: local.cert } })

      assert.equal((await right.get()).status, 200, name)
      assert.deepEqual(right.named, ['orders.internal'])
      assert.deepEqual(right.seen, [host])
      assert.equal((await wrong.get()).header('sallyport-error'), 'upstream_unreachable', name)
      assert.deepEqual([wrong.seen, reason(wrong.path)], [[], 'err_tls_cert_altname_invalid'])
    }
  })

  it('PXY-09 shows our certificate to the upstream that it is for, and is refused without', async t => {
    const [server, ours] = [makeCertificate(['localhost']), makeCertificate(['sallyport.internal'])]
    const env = { CA: server.cert, CERT: ours.cert, KEY: ours.key }
    const tls = { ca: { env: 'CA' }, cert: { env: 'CERT' }, key: { env: 'KEY' } }

    const shown = await start(t, server, { tls, env, clientCa: ours.cert })
    const bare = await start(t, server, { tls: { ca: tls.ca }, env, clientCa: ours.cert })

    assert.equal((await shown.get()).status, 200)
    assert.deepEqual(shown.shown, ['CN=sallyport.internal'])
    assert.match((await bare.get()).header('sallyport-error') ?? '', /^upstream_(unreachable|invalid_response)$/)
    assert.deepEqual(bare.seen, [])
  })

  it('PXY-09 is not shared by two routes to one address of which one has a certificate', async t => {
    const [server, ours] = [makeCertificate(['localhost']), makeCertificate(['sallyport.internal'])]
    const subjects: (string | undefined)[] = []
    const upstream = createServer({ ...server, requestCert: true, rejectUnauthorized: false }, (req, res) => {
      subjects.push((req.socket as TLSSocket).getPeerX509Certificate()?.subject)
      res.end()
    })
    await new Promise<void>(resolve => upstream.listen(0, '127.0.0.1', resolve))
    const url = `https://localhost:${(upstream.address() as AddressInfo).port}`
    const [ca, cert, key] = [{ env: 'CA' }, { env: 'CERT' }, { env: 'KEY' }]
    const path = await startRequestPath({
      routes: [
        { path: '/with', upstream: { url, tls: { ca, cert, key } }, access: 'anyone' },
        { path: '/', upstream: { url, tls: { ca } }, access: 'anyone' },
      ],
      env: { CA: server.cert, CERT: ours.cert, KEY: ours.key },
    })
    t.after(async () => {
      await path.close()
      upstream.closeAllConnections()
      upstream.close()
    })

    for (const target of ['/with', '/', '/with', '/']) await exchangeRaw(path.port, `GET ${target} HTTP/1.1\r\nHost: ${host}`)

    assert.deepEqual(subjects, ['CN=sallyport.internal', undefined, 'CN=sallyport.internal', undefined])
  })
})
