import assert from 'node:assert/strict'
import type { RequestListener } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { type ConnectionOptions, connect } from 'node:tls'
import { createFetchDocument } from '../../src/native/fetch-document.ts'
import { OAuthError } from '../../src/native/oauth-error.ts'
import { isPublicAddress } from '../../src/native/public-address.ts'
import { makeCertificate } from '../support/certificate.ts'

const publicAddress = '93.184.215.14'
const url = new URL('https://tool.example/client.json')
const json = { 'content-type': 'application/json' }

describe('an address', () => {
  const others = {
    'this machine': ['127.0.0.1', '127.8.8.8', '0.0.0.0', '::1', '::'],
    'a private network': ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12:3456::1'],
    'the link, and where clouds keep credentials': ['169.254.169.254', 'fe80::1', 'fe80::1%eth0', 'fd00:ec2::254'],
    'another one in disguise': [
      '::ffff:127.0.0.1',
      '::ffff:a9fe:a9fe',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::a00:1',
      '2002:7f00:1::',
      '2001::1',
    ],
    'documentation, tests and many at once': [
      '192.0.2.1',
      '198.51.100.1',
      '203.0.113.1',
      '198.18.0.1',
      '2001:db8::1',
      '3fff::1',
      '224.0.0.1',
      '255.255.255.255',
      'ff02::1',
    ],
    'no address': ['', 'localhost', '127.1', '0x7f.1', '2130706433', '[::1]', '2606:2800:21f:cb07::1%1'],
  }
  for (const [what, addresses] of Object.entries(others)) {
    it(`of ${what} is not public`, () => assert.deepEqual(addresses.filter(isPublicAddress), []))
  }

  it('of the internet is', () => {
    const addresses = [publicAddress, '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:2800:21f:cb07::1', '2a00::1', '2001:4860:4860::8888']

    assert.deepEqual(addresses.filter(isPublicAddress), addresses)
  })
})

describe('the document of a client', () => {
  let server: Server
  let serve: RequestListener
  let ca = ''
  const dialled: ConnectionOptions[] = []
  before(async () => {
    const certificate = makeCertificate(['tool.example'])
    ca = certificate.cert
    server = createServer(certificate, (req, res) => serve(req, res))
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  })
  after(() => {
    server.closeAllConnections()
    server.close()
  })

  /** Fetches from the server of this test, in the place of the one at a public address. */
  function fetchWhere(addresses: readonly string[] | Error, listener: RequestListener, { from = url, limitMs = 30_000 } = {}) {
    serve = listener
    dialled.length = 0
    const network = {
      resolve: async () => {
        if (addresses instanceof Error) throw addresses
        return addresses
      },
      connect(options: ConnectionOptions) {
        dialled.push(options)
        return connect({ ...options, ca, host: '127.0.0.1', port: (server.address() as AddressInfo).port })
      },
    }
    return createFetchDocument(network, limitMs)(from)
  }

  async function reasonOf(fetching: Promise<unknown>): Promise<string | undefined> {
    const error = await fetching.catch(thrown => thrown)
    assert.ok(error instanceof OAuthError, String(error))
    assert.equal(error.error, 'invalid_client')
    return error.reason
  }

  it('comes from the very address that was judged, by the name of the host, and learns nothing of us', async () => {
    const asked: unknown[] = []

    const { body, cacheControl } = await fetchWhere([publicAddress, '2606:2800:21f:cb07::1'], (req, res) => {
      asked.push(req.method, req.url, Object.keys(req.headers).toSorted())
      res.writeHead(200, { ...json, 'cache-control': 'max-age=60' }).end('{"client_id":1}')
    })

    assert.deepEqual([String(body), cacheControl], ['{"client_id":1}', 'max-age=60'])
    assert.deepEqual(
      dialled.map(({ host, port, servername }) => [host, port, servername]),
      [[publicAddress, 443, 'tool.example']],
    )
    assert.deepEqual(asked, ['GET', '/client.json', ['accept', 'accept-encoding', 'connection', 'host']])
  })

  const inside = {
    'at a private address': ['10.0.0.1'],
    'at one public and one private address': [publicAddress, '127.0.0.1'],
    'at an IPv4 address in an IPv6 one': ['::ffff:169.254.169.254'],
  }
  for (const [where, addresses] of Object.entries(inside)) {
    it(`is not asked for ${where}`, async () => {
      assert.equal(await reasonOf(fetchWhere(addresses, (_req, res) => res.end())), 'document_address')
      assert.deepEqual(dialled, [])
    })
  }

  it('is not had where there is no such host', async () => {
    assert.equal(await reasonOf(fetchWhere([], () => undefined)), 'document_unreachable')
    assert.equal(await reasonOf(fetchWhere(new Error('ENOTFOUND'), () => undefined)), 'document_unreachable')
  })

  it('is not believed under a certificate of another host', async () => {
    const fetching = fetchWhere([publicAddress], (_req, res) => res.writeHead(200, json).end('{}'), {
      from: new URL('https://other.example/client.json'),
    })

    assert.equal(await reasonOf(fetching), 'document_unreachable')
  })

  const bad: Readonly<Record<string, readonly [string, RequestListener]>> = {
    'is a redirect': [
      'document_status',
      (_req, res) => res.writeHead(302, { ...json, location: 'https://tool.example/other.json' }).end('{}'),
    ],
    'is an error': ['document_status', (_req, res) => res.writeHead(404, json).end('{}')],
    'is a page': ['document_invalid', (_req, res) => res.writeHead(200, { 'content-type': 'text/html' }).end('{}')],
    'is packed': ['document_invalid', (_req, res) => res.writeHead(200, { ...json, 'content-encoding': 'gzip' }).end('{}')],
    'is too large': ['document_too_large', (_req, res) => res.writeHead(200, json).end(`{"a":"${'a'.repeat(5120)}"}`)],
    'breaks off': [
      'document_unreachable',
      (_req, res) => void res.writeHead(200, { ...json, 'content-length': '100' }).write('{', () => res.destroy()),
    ],
  }
  for (const [what, [reason, listener]] of Object.entries(bad)) {
    it(`is refused when it ${what}`, async () => assert.equal(await reasonOf(fetchWhere([publicAddress], listener)), reason))
  }

  it('is given up when it comes without end, a byte at a time, however slowly', async () => {
    let timer: NodeJS.Timeout | undefined
    const fetching = fetchWhere(
      [publicAddress],
      (_req, res) => {
        res.writeHead(200, json).flushHeaders()
        timer = setInterval(() => res.write(' '), 20)
      },
      { limitMs: 200 },
    )

    assert.equal(await reasonOf(fetching), 'document_unreachable')
    clearInterval(timer)
  })

  it('is given up when the name service never answers', async () => {
    const fetchDocument = createFetchDocument({ resolve: () => new Promise(() => undefined), connect }, 50)

    assert.equal(await reasonOf(fetchDocument(url)), 'document_unreachable')
  })
})
