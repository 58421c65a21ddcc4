import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { chmod, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { build, find, type Resource, readResources } from '../support/kustomize.ts'
import { podOf } from '../support/pod.ts'
import { projectRoot, readProjectFile } from '../support/project-files.ts'

const run = promisify(execFile)

// There is no cluster here. What asks one is replaced by the part of it that can be done without: `apply -k` builds,
// `apply -f` reads, `create` makes the object, `rollout` is taken down for a look at whether such a thing is built.
const kubectl = `#!/bin/sh
set -eu
echo "$*" >> "$LOG"
echo ---
case "$*" in
  "kustomize "*) exec "$KUBECTL" "$@" ;;
  "apply -k "*) exec "$KUBECTL" kustomize "$3" ;;
  "apply -f "*) exec cat "$3" ;;
  *" create secret "*) exec "$KUBECTL" "$@" --dry-run=client -o yaml ;;
  *" rollout status "*) ;;
  *) echo "no such call was foreseen: kubectl $*" >&2; exit 1 ;;
esac
`
const sallyport = `#!/bin/sh\nexec "$NODE" "${join(projectRoot, 'src/cli/main.ts')}" "$@"\n`
// These need a container engine; test/image does what can be done without.
const engine = '#!/bin/sh\necho "$0 $*" >> "$LOG"\n'

let folder = ''
let written = ''
const calls = async () => (await readFile(join(folder, 'log'), 'utf8')).trim().split('\n')

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-commands-'))
  await cp(join(projectRoot, 'k8s'), join(folder, 'k8s'), { recursive: true })
  for (const [name, script] of Object.entries({ kubectl, sallyport, npm: engine, docker: engine })) {
    await writeFile(join(folder, name), script)
    await chmod(join(folder, name), 0o755)
  }
  const { stdout: found } = await run('sh', ['-c', 'command -v kubectl'])
  const env = {
    PATH: `${folder}:${process.env.PATH}`,
    HOME: folder,
    LOG: join(folder, 'log'),
    NODE: process.execPath,
    KUBECTL: found.trim(),
    CLIENT_SECRET: 'Zq7-8fJ2xNvb0sTtKc4w',
    REDIS_URL: 'rediss://sallyport:pQ9v_3nLw7@redis.example.com:6379',
  }
  const script = commandsUnder('The image', 'Kubernetes').join('\n')
  written = (await run('sh', ['-eu', '-c', script], { cwd: folder, env, maxBuffer: 16 * 1024 * 1024 })).stdout
})

after(() => rm(folder, { recursive: true }))

describe('the commands of docs/operations.md', () => {
  it('can be run as they stand, one after the other', async () => {
    const said = await calls()

    assert.match(written, /^ok: 1 origin, 1 identity provider, 2 routes$/m)
    for (const part of ['apply -k k8s/overlays/standalone', 'apply -k k8s/overlays/sidecar', 'kustomize k8s/samples/nginx']) {
      assert.ok(said.includes(part), part)
    }
  })

  it('make the secret that the pods mount, key by key, in the namespace where they are', async () => {
    const secrets = readResources(written.slice(written.indexOf('---\n'))).filter(({ kind }) => kind === 'Secret')

    for (const overlay of ['overlays/standalone', 'overlays/sidecar']) {
      const resources = build(overlay)
      const { secret } = podOf(resources).volumes.find(volume => volume.secret !== undefined) ?? assert.fail()
      const made = secrets.find(({ metadata }) => metadata.namespace === namespaceOf(resources)) ?? assert.fail(`no secret for ${overlay}`)

      assert.equal(made.metadata.name, secret?.secretName)
      assert.deepEqual(Object.keys(made.data as object).toSorted(), secret?.items.map(({ key }) => key).toSorted())
    }
  })

  it('wait for what is there', async () => {
    const waited = (await calls()).filter(call => call.includes('rollout status'))
    const built = ['overlays/standalone', 'overlays/sidecar'].map(overlay => build(overlay))

    assert.deepEqual(
      waited,
      built.map(
        resources => `--namespace ${namespaceOf(resources)} rollout status deployment/${find(resources, 'Deployment').metadata.name}`,
      ),
    )
  })

  it('switch the monitoring on', async () => {
    assert.match(written, /^kind: PrometheusRule$/m)
    assert.match(written, /^kind: ServiceMonitor$/m)
  })
})

/** The shell blocks under those headings, in their order. */
function commandsUnder(...names: readonly string[]): string[] {
  const sections = readProjectFile('docs/operations.md').split(/^## /m)
  return names.flatMap(name => {
    const section = sections.find(text => text.startsWith(`${name}\n`)) ?? assert.fail(`no section ${name}`)
    return [...section.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block)
  })
}

function namespaceOf(resources: readonly Resource[]): string | undefined {
  return find(resources, 'Deployment').metadata.namespace
}
