import assert from 'node:assert/strict'
import fs, { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, describe, it, type TestContext } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { exchangeRaw, openSocket } from '../support/raw-http.ts'
import { host, type RequestPath, sessionCookie, signedInAs, startRequestPath } from '../support/request-path.ts'

let folder = ''
let path: RequestPath

const files = {
  'dist/index.html': '<title>app</title>',
  'dist/app.3f9ab2c1.js': 'let app',
  'dist/docs/index.html': '<title>docs</title>',
  'dist/a name é.txt': 'spaced',
  'dist/.env': 'SECRET=1',
  'dist/.git/config': 'git',
  'dist/large.bin': 'x'.repeat(300_000),
  'dist/empty.css': '',
  'outside.txt': 'outside',
  'dist-other/secret.txt': 'outside too',
}

before(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'sallyport-files-')))
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  symlinkSync(join(folder, 'outside.txt'), join(folder, 'dist/link.txt'))
  symlinkSync(join(folder, 'dist-other'), join(folder, 'dist/others'))
  symlinkSync('large.bin', join(folder, 'dist/inside.bin'))
  symlinkSync('circle', join(folder, 'dist/circle'))
  const dist = join(folder, 'dist')
  path = await startRequestPath({
    routes: [
      { path: '/', upstream: { static: dist, fallback: 'index.html' }, access: 'anyone' },
      { path: '/docs-only', upstream: { static: dist }, stripPrefix: true, access: 'anyone' },
      { path: '/private', upstream: { static: dist, fallback: 'index.html' }, stripPrefix: true },
    ],
    signedIn: signedInAs(),
  })
})

after(async () => {
  await path.close()
  rmSync(folder, { recursive: true })
})

const navigation = '\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nSec-Fetch-Site: none\r\nAccept: text/html'
const ask = (line: string, headers = '') => exchangeRaw(path.port, `${line} HTTP/1.1\r\nHost: ${host}${headers}`)
const get = (target: string, headers = '') => ask(`GET ${target}`, headers)

describe('a route with files', () => {
  it('serves a file with its type and length, and the headers of every answer', async () => {
    const response = await get('/app.3f9ab2c1.js')

    assert.equal(response.status, 200)
    assert.equal(response.body, files['dist/app.3f9ab2c1.js'])
    assert.match(response.header('content-type') ?? '', /^text\/javascript; charset=utf-8$/)
    assert.equal(response.header('content-length'), '7')
    assert.equal(response.header('x-content-type-options'), 'nosniff')
    assert.match(response.header('strict-transport-security') ?? '', /max-age=31536000/)
    assert.ok((response.header('x-request-id') ?? '').length > 7)
    assert.equal(response.header('cache-control'), 'no-cache')
    assert.equal(response.header('access-control-allow-origin'), undefined)
  })

  it('serves what an encoded path, an empty file and a query name', async () => {
    const bodies = [await get('/a%20name%20%C3%A9.txt'), await get('/empty.css?v=2'), await get('/docs-only/app.3f9ab2c1.js')]

    assert.deepEqual(
      bodies.map(response => [response.status, response.body]),
      [
        [200, 'spaced'],
        [200, ''],
        [200, 'let app'],
      ],
    )
  })

  it('serves the index of a folder where the path ends with a slash, and never a list', async () => {
    const [root, below, without, none] = [await get('/'), await get('/docs/'), await get('/docs'), await get('/docs-only/.git/')]

    assert.deepEqual([root.body, below.body], ['<title>app</title>', '<title>docs</title>'])
    assert.deepEqual([without.status, none.status], [404, 404])
  })

  it('answers HEAD with the same head and no body', async () => {
    const [head, whole] = [await ask('HEAD /large.bin'), await get('/large.bin')]

    assert.deepEqual([head.status, head.body], [200, ''])
    for (const name of ['content-length', 'etag', 'last-modified', 'content-type'])
      assert.equal(head.header(name), whole.header(name), name)
  })

  it('tells who has the file that it has not changed', async () => {
    const { header } = await get('/app.3f9ab2c1.js')

    const byTag = await get('/app.3f9ab2c1.js', `\r\nIf-None-Match: ${header('etag')}`)
    const byDate = await get('/app.3f9ab2c1.js', `\r\nIf-Modified-Since: ${header('last-modified')}`)
    const other = await get('/app.3f9ab2c1.js', '\r\nIf-None-Match: "other"')

    assert.deepEqual([byTag.status, byDate.status, other.status], [304, 304, 200])
    assert.deepEqual([byTag.body, byTag.header('content-type')], ['', undefined])
  })

  it('serves a part, and says where there is none', async () => {
    const part = await get('/app.3f9ab2c1.js', '\r\nRange: bytes=4-6')
    const none = await get('/app.3f9ab2c1.js', '\r\nRange: bytes=40-60')
    const failed = await get('/app.3f9ab2c1.js', '\r\nIf-Match: "other"')

    assert.deepEqual([part.status, part.body, part.header('content-range')], [206, 'app', 'bytes 4-6/7'])
    assert.deepEqual([none.status, none.body, none.header('content-range')], [416, '', 'bytes */7'])
    assert.deepEqual([failed.status, failed.body], [412, ''])
  })

  it('takes GET and HEAD alone: 405', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH', 'PROPFIND']) {
      const response = await ask(`${method} /`)

      assert.equal(`${response.status} ${response.header('allow')}`, '405 GET, HEAD', method)
    }
  })

  it('serves a whole file to many at once, and lets it go when a client leaves', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => get('/large.bin')))
    const before = path.outcomes.length
    const socket = await openSocket(path.port)
    socket.pause()
    for (let i = 0; i < 40; i++) socket.write(`GET /large.bin HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    while (path.outcomes.length === before) await new Promise(resolve => setImmediate(resolve))
    socket.destroy()
    while (path.outcomes.length < before + 40) await new Promise(resolve => setImmediate(resolve))

    assert.ok(answers.every(answer => answer.body.length === 300_000))
    assert.equal(path.outcomes.at(-1)?.result, 'client_left')
  })
})

describe('a client of files that reads no further', () => {
  it('PXY-12 MSG-12 is cut after the idle timeout', async t => {
    truncateSync(join(folder, 'dist/large.bin'), 64 * 1024 * 1024)
    t.after(() => truncateSync(join(folder, 'dist/large.bin'), 300_000))
    const route = { path: '/', upstream: { static: join(folder, 'dist') }, access: 'anyone', timeouts: { idle: '200ms' } }
    const other = await startRequestPath({ routes: [route] })
    t.after(() => other.close())
    const socket = await openSocket(other.port)
    socket.pause()
    socket.write(`GET /large.bin HTTP/1.1\r\nHost: ${host}\r\n\r\n`)

    await eventually(() => other.outcomes.length === 1)

    assert.deepEqual(other.outcomes[0]?.result, 'cut')
    await eventually(async () => (await other.clients()) === 0)
    socket.destroy()
  })
})

describe('the fallback of files', () => {
  it('is what a page load gets where there is no file, and says on what that depends', async () => {
    const response = await get('/orders/7?page=2', navigation)

    assert.deepEqual([response.status, response.body], [200, '<title>app</title>'])
    assert.match(response.header('content-type') ?? '', /^text\/html/)
    assert.equal(response.header('vary'), 'Accept, Sec-Fetch-Mode, Sec-Fetch-Dest')
    assert.equal(response.header('cache-control'), 'no-cache')
  })

  it('is not for scripts, styles and calls: a file that is missing is 404', async () => {
    const answers = [
      await get('/app.old.js', '\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: script\r\nSec-Fetch-Site: same-origin'),
      await get('/api/orders', '\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nSec-Fetch-Site: same-origin'),
      await get('/missing.css', '\r\nAccept: text/css'),
      await ask('HEAD /orders/7', navigation),
      await get('/docs-only/orders/7', navigation),
    ]

    assert.deepEqual(
      answers.map(answer => `${answer.status} ${answer.header('sallyport-error')}`),
      answers.map(() => '404 no_route'),
    )
    assert.equal((path.errors.at(-1) as { readonly reason?: string }).reason, 'no_file')
    for (const name of ['etag', 'last-modified']) assert.equal(answers[0]?.header(name), undefined)
  })
})

describe('a file that cannot be read', () => {
  /** Stands for a disk that fails: opening works, reading does not. */
  const failAfter = (t: TestContext, text: string) =>
    t.mock.method(fs, 'createReadStream', () =>
      Readable.from(
        (async function* () {
          if (text !== '') yield text
          throw Object.assign(new Error('the disk is broken'), { code: 'EIO' })
        })(),
        { objectMode: false },
      ),
    )

  it('is 502, with nothing of the file in the answer', async t => {
    failAfter(t, '')

    const response = await get('/large.bin')

    assert.equal(`${response.status} ${response.header('sallyport-error')}`, '502 upstream_unreachable')
    for (const name of ['etag', 'last-modified', 'accept-ranges']) assert.equal(response.header(name), undefined, name)
    assert.match(response.header('content-type') ?? '', /problem\+json/)
  })

  it('PXY-14 is cut where it fails in the middle', async t => {
    failAfter(t, 'x'.repeat(1000))

    const response = await get('/large.bin')

    assert.deepEqual([response.status, response.body.length, response.isComplete], [200, 1000, false])
    assert.equal(path.outcomes.at(-1)?.result, 'cut')
  })
})

describe('what is not among the files', () => {
  const escapes = [
    '/.env',
    '/.git/config',
    '/docs/../.env',
    '/%2eenv',
    '/%2e%2e/outside.txt',
    '/..%2foutside.txt',
    '/..%5coutside.txt',
    '/docs/%2e%2e/%2e%2e/outside.txt',
    '/%252e%252e/outside.txt',
    '/link.txt',
    '/others/secret.txt',
    '/others/',
    '/circle',
    '/docs',
    '/index.html/',
    '/index.html/x',
    '/index.html%00.js',
    `/${'x'.repeat(5000)}`,
  ]
  for (const target of escapes) {
    it(`PXY-03 is not served: ${target.slice(0, 60)}`, async () => {
      const response = await get(target)

      assert.match(`${response.status} ${response.header('sallyport-error')}`, /^(404 no_route|400 ambiguous_path)$/)
      for (const secret of ['SECRET', 'outside', 'git']) assert.ok(!response.body.includes(secret))
    })
  }

  it('is not what a link within the folder leads to: that is served', async () => {
    assert.equal((await get('/inside.bin')).body.length, 300_000)
  })

  it('is a file that has gone since', async () => {
    writeFileSync(join(folder, 'dist/short.txt'), 'lived')
    const there = await get('/short.txt')
    unlinkSync(join(folder, 'dist/short.txt'))
    const gone = await get('/short.txt')

    assert.deepEqual([there.status, gone.status], [200, 404])
  })
})

describe('files behind a session', () => {
  it('CAC-02 CAC-03 CAC-04 stay in the one browser’s cache', async () => {
    const response = await get('/private/', `${navigation}\r\nCookie: ${sessionCookie}`)

    assert.deepEqual([response.status, response.body], [200, '<title>app</title>'])
    assert.equal(response.header('cache-control'), 'private, no-cache')
    assert.match(response.header('vary') ?? '', /\bCookie\b/)
  })
})
