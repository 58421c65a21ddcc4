import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { makeCertificate } from '../support/certificate.ts'

const ours = makeCertificate(['sallyport'])
let folder = ''
let file = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-explain-'))
  file = join(folder, 'gateway.yaml')
  writeFileSync(
    file,
    `${base}  - path: /many
    stripPrefix: true
    upstream: { url: [https://one:8443, https://other:8443], tls: { cert: { env: CERT }, key: { env: KEY } } }
  - path: /socket
    upstream: unix:/run/web.sock
  - path: /files
    stripPrefix: true
    upstream: { static: . }
`,
  )
})

after(() => {
  rmSync(folder, { recursive: true })
})

async function explain(target: string, ...more: string[]): Promise<string> {
  const out: string[] = []
  const code = await run(['config', 'explain', 'GET', target, '--config', file, ...more], {
    env: { ...makeEnv(), CERT: ours.cert, KEY: ours.key },
    print: text => void out.push(`${text}\n`),
    remark: () => {},
    strong: text => text,
  })
  assert.equal(code, 0)
  return out.join('')
}

describe('sallyport config explain', () => {
  it('says what every address of an upstream is asked for', async () => {
    const [many, socket] = await Promise.all([explain('/many/7?a'), explain('/socket/7')])

    assert.match(many, /\n {2}upstream {4}https:\/\/one:8443\/7\?a\n {14}https:\/\/other:8443\/7\?a\n/)
    assert.match(many, /\n {14}X-Forwarded-Prefix: \/many\n/)
    assert.match(socket, /\n {2}upstream {4}unix:\/run\/web\.sock:\/socket\/7\n/)
  })

  it('says which file is served', async () => {
    const files = await explain('/files/a.css?v=1')

    assert.ok(files.includes(`\n  file        ${folder}/a.css\n`), files)
    assert.doesNotMatch(files, /sets|waits|drops/)
  })

  it('NHI-02 shows no key of a certificate of ours', async () => {
    const [text, json] = await Promise.all([explain('/many'), explain('/many', '--json')])

    assert.deepEqual(JSON.parse(json).route.upstream, {
      kind: 'servers',
      addresses: ['https://one:8443', 'https://other:8443'],
      tls: ['cert', 'key'],
    })
    for (const out of [text, json]) assert.ok(!out.includes('PRIVATE') && !out.includes('CERTIFICATE'))
  })
})
