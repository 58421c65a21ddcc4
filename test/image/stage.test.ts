import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { base, makeEnv } from '../data/config/base.ts'
import { execForm, inImage } from '../support/dockerfile.ts'
import { readProjectFile } from '../support/project-files.ts'
import { filesUnder, type StagedImage, serveStaged, stageImage } from '../support/staged-image.ts'

interface LockEntry {
  readonly dev?: boolean
  readonly devOptional?: boolean
  readonly link?: boolean
  /** As those of tools/node, which bring Node and the linter for the repository. */
  readonly optional?: boolean
  readonly version: string
}

let image: StagedImage
let files: ReadonlyMap<string, number>
let folder = ''

before(async () => {
  image = await stageImage()
  files = await filesUnder(image.app)
  folder = await mkdtemp(join(tmpdir(), 'sallyport-image-config-'))
  await chmod(folder, 0o755)
  await writeFile(join(folder, 'gateway.yaml'), `${base}listen: { host: 127.0.0.1, port: 0 }\nprobes: { host: 127.0.0.1, port: 0 }\n`)
})

after(() => Promise.all([image.remove(), rm(folder, { recursive: true })]))

describe('what the image holds', () => {
  it('is the program, its production dependencies as they are locked, and what says so', async () => {
    const { packages } = JSON.parse(readProjectFile('package-lock.json')) as { packages: Record<string, LockEntry> }
    const locked = Object.entries(packages).filter(([path, entry]) => path.startsWith('node_modules/') && isProduction(entry))
    const { packages: installed } = JSON.parse(await readFile(join(image.app, 'node_modules/.package-lock.json'), 'utf8'))

    assert.deepEqual(Object.keys(installed).toSorted(), locked.map(([path]) => path).toSorted())
    assert.deepEqual([...new Set([...files.keys()].map(file => file.split('/')[0]))].toSorted(), [
      'LICENSE',
      'dist',
      'licences.txt',
      'node_modules',
      'package.json',
      'sbom.cdx.json',
    ])
  })

  it('has no identity provider, no demo, no test and no source', () => {
    const unwanted = [...files.keys()].filter(
      file =>
        /^node_modules\/(oidc-provider|supertest|playwright|typescript)/.test(file) ||
        /^dist\/(demo|testing)\/|^dist\/.*\.(ts|test\.js)$/.test(file),
    )

    assert.deepEqual(unwanted, [])
    assert.ok(files.has('dist/cli/main.js'))
  })

  it('NHI-02 has no key and no file of a workplace', async () => {
    const names = [...files.keys()].filter(file => /(^|\/)(\.env|\.npmrc|\.dev|id_rsa|.*\.(key|p12|pfx))$/.test(file))
    const ours = [...files.keys()].filter(file => !file.startsWith('node_modules/'))
    const texts = await Promise.all(ours.map(file => readFile(join(image.app, file), 'utf8')))

    assert.deepEqual(names, [])
    assert.deepEqual(
      ours.filter((_, i) => /-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[\w+/=]{20}/.test(texts[i] ?? '')),
      [],
    )
  })

  it('WEB-12 has a CycloneDX bill of materials that is valid and complete, and a licence for each package', async () => {
    const text = await readFile(join(image.app, 'sbom.cdx.json'), 'utf8')
    const { metadata, components } = JSON.parse(text) as {
      metadata: { component: { purl: string } }
      components: readonly { purl: string }[]
    }
    const { packages } = JSON.parse(readProjectFile('package-lock.json')) as { packages: Record<string, LockEntry> }
    const locked = Object.entries(packages).filter(([path, entry]) => path.startsWith('node_modules/') && isProduction(entry))
    const licences = (await readFile(join(image.app, 'licences.txt'), 'utf8')).trim().split('\n')

    assert.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(text), null)
    assert.match(metadata.component.purl, /^pkg:npm\/sallyport@\d/)
    assert.deepEqual(
      new Set(components.map(({ purl }) => decodeURIComponent(purl))),
      new Set(locked.map(([path, { version }]) => `pkg:npm/${path.slice(path.lastIndexOf('node_modules/') + 13)}@${version}`)),
    )
    assert.equal(licences.length, components.length)
    assert.ok(licences.every(line => /^\S+\t\S+\t\S/.test(line)))
  })
})

describe('the program in the image', () => {
  it('serves as the user of the image, from files that user cannot write, answers the health check, and stops when told', async t => {
    const [user = ''] = inImage('USER')
    const [uid = 0, gid = 0] = user.split(':').map(Number)
    // Only root can be somebody else; another user is not root at least.
    const who = process.getuid?.() === 0 ? { uid, gid } : {}
    const [, ...said] = [...execForm(inImage('ENTRYPOINT')[0] ?? ''), ...execForm(inImage('CMD')[0] ?? '')]
    const args = said.map(arg => arg.replace(/^\/app/, image.app))
    const { child, ports } = await serveStaged(t, image.node, args, { env: environment(), ...who })
    const check = (port: number) => {
      const [, flag = '', script = ''] = execForm(inImage('HEALTHCHECK')[0] ?? '')
      return promisify(execFile)(image.node, [flag, script.replace(':9091', `:${port}`)], who)
    }

    await check(ports.get('probes_listening') ?? 0)
    // There nobody says that the gateway lives.
    const elsewhere = await check(ports.get('listening') ?? 0).catch((error: { code: number }) => error.code)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    assert.equal(elsewhere, 1)
    assert.equal(code, 0)
  })

  // Node refuses every write, every child process and every thread itself: stricter than a root that is read-only.
  it('serves where nothing at all can be written', async t => {
    const args = ['--permission', '--allow-fs-read=*', join(image.app, 'dist/cli/main.js'), 'serve']
    const { child, ports } = await serveStaged(t, image.node, args, { env: environment() })

    const ready = await fetch(`http://127.0.0.1:${ports.get('probes_listening')}/readyz`)
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    assert.equal(ready.status, 200)
    assert.equal(code, 0)
  })

  it('says of the demo that it is not there', async () => {
    const failed = await promisify(execFile)(image.node, [join(image.app, 'dist/cli/main.js'), 'demo']).catch((error: unknown) => error)

    assert.match((failed as { stderr: string }).stderr, /^sallyport: the demo is not part of the image/)
  })
})

/** As the image has it, with the configuration's place changed. */
function environment(): Record<string, string> {
  return { ...makeEnv(), NODE_ENV: 'production', SALLYPORT_CONFIG: join(folder, 'gateway.yaml') }
}

function isProduction({ dev, devOptional, link, optional }: LockEntry): boolean {
  return ![dev, devOptional, link, optional].includes(true)
}
