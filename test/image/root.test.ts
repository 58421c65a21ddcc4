import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { base, makeEnv } from '../data/config/base.ts'
import { execForm, inImage } from '../support/dockerfile.ts'
import { binariesUnder, noChroot, noDpkg, outputOf, stageRoot, within } from '../support/image-root.ts'
import { serveNames } from '../support/name-server.ts'
import { filesUnder, serveStaged } from '../support/staged-image.ts'

const node = '/usr/local/bin/node'

let staged: Awaited<ReturnType<typeof stageRoot>>
let root = ''

before(async () => {
  if (noDpkg !== false) return
  staged = await stageRoot()
  root = staged.root
})

after(() => staged?.remove())

describe('the root of the image', { skip: noDpkg }, () => {
  it('is less than 200 MB', async () => {
    const bytes = [...(await filesUnder(root)).values()].reduce((sum, size) => sum + size, 0)

    assert.ok(bytes < 200e6, `${bytes} bytes`)
  })

  it('has Node and the libraries that it loads as its only binaries, and no shell', async () => {
    const binaries = await binariesUnder(root)
    const others = binaries.filter(file => !/^(usr\/)?lib(64)?\/([\w-]+\/)?(lib|ld-linux)[\w+-]*\.so\.\d+$/.test(file))
    const files = [...(await filesUnder(root)).keys()]
    const modes = await Promise.all(files.map(async file => [file, (await stat(join(root, file))).mode] as const))
    const runnable = modes.filter(([file, mode]) => !file.startsWith('app/') && (mode & 0o111) !== 0).map(([file]) => file)

    assert.deepEqual(others, ['usr/local/bin/node'])
    assert.deepEqual(
      runnable.filter(file => !/\/ld-linux[^/]*$/.test(file)),
      ['usr/local/bin/node'],
    )
  })

  it('WEB-12 lists Node and the packages of its libraries for scanners, in the bill of materials and among the licences', async () => {
    const text = await readFile(join(root, 'app/sbom.cdx.json'), 'utf8')
    const { components } = JSON.parse(text) as { components: readonly { name: string; version: string; purl: string }[] }
    const licences = await readFile(join(root, 'app/licences.txt'), 'utf8')
    const packages = await readdir(join(root, 'var/lib/dpkg/status.d'))

    assert.equal(await new Validation.JsonStrictValidator(Spec.Version.v1dot5).validate(text), null)
    assert.ok(packages.includes('libc6'))
    assert.equal(components.find(({ name }) => name === 'node')?.version, process.versions.node)
    assert.deepEqual(components.flatMap(({ name, purl }) => (purl.startsWith('pkg:deb/') ? [name] : [])).toSorted(), packages.toSorted())
    for (const name of packages) {
      const status = await readFile(join(root, 'var/lib/dpkg/status.d', name), 'utf8')
      const version = components.find(component => component.name === name)?.version ?? 'none'
      assert.ok(status.includes(`\nVersion: ${version}\n`))
      assert.ok(licences.includes(`\n${name}\t${version}\t`))
      assert.ok((await stat(join(root, 'usr/share/doc', name, 'copyright'))).size > 0)
    }
    assert.match(await readFile(join(root, 'etc/os-release'), 'utf8'), /^ID=/m)
    assert.match(await readFile(join(root, 'usr/share/doc/node/copyright'), 'utf8'), /Node\.js is licensed/)
  })
})

// No folder of this machine is there: what is not in the root is missing.
describe('within the root of the image', { skip: noChroot }, () => {
  it('every library that Node loads is found', async () => {
    const [loader = ''] = (await binariesUnder(root)).filter(file => /\/ld-linux[^/]*$/.test(file))
    const listed = await outputOf(root, `/${loader}`, '--list', node)
    const paths = [...listed.matchAll(/=> (\/\S+)/g)].map(([, path = '']) => path)

    assert.ok(paths.length >= 3, listed)
    assert.doesNotMatch(listed, /not found/)
    for (const path of paths) assert.ok((await stat(join(root, path))).isFile())
  })

  it('names are looked up, in /etc/hosts and by DNS', async t => {
    const server = await serveNames(t, '192.0.2.7')
    const lookUp = (name: string) =>
      outputOf(root, node, '-e', `dns.promises.lookup('${name}', 4).then(({ address }) => console.log(address))`)
    // An engine brings these.
    await writeFile(join(root, 'etc/hosts'), '192.0.2.9 redis.example.test\n')
    await writeFile(join(root, 'etc/resolv.conf'), `nameserver ${server}\n`)

    assert.equal(await lookUp('redis.example.test'), '192.0.2.9')
    assert.equal(await lookUp('id.example.test'), '192.0.2.7')
  })

  it('the program starts as the image says, passes the health check, and stops when told', async t => {
    const [program = '', ...args] = [...execForm(inImage('ENTRYPOINT')[0] ?? ''), ...execForm(inImage('CMD')[0] ?? '')]
    await mkdir(join(root, 'etc/sallyport'), { recursive: true })
    await writeFile(
      join(root, 'etc/sallyport/gateway.yaml'),
      `${base}listen: { host: 127.0.0.1, port: 0 }\nprobes: { host: 127.0.0.1, port: 0 }\n`,
    )
    const env = { ...makeEnv(), NODE_ENV: 'production', SALLYPORT_CONFIG: '/etc/sallyport/gateway.yaml' }
    const { child, ports } = await serveStaged(t, ...within(root, `/usr/local/bin/${program}`, ...args), { env })
    const [, flag = '', script = ''] = execForm(inImage('HEALTHCHECK')[0] ?? '')

    const ready = await fetch(`http://127.0.0.1:${ports.get('probes_listening')}/readyz`)
    await outputOf(root, node, flag, script.replace(':9091', `:${ports.get('probes_listening')}`))
    child.kill('SIGTERM')
    const [code] = await once(child, 'exit')

    assert.equal(ready.status, 200)
    assert.equal(code, 0)
  })
})
