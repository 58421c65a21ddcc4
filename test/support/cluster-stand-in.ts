// What stands for kubectl where there is no cluster: a program. `kustomize` and `create secret` are the real kubectl's own
// work; what would go to a cluster is kept in a file, and refused where a cluster would refuse it, as far as order and names go.
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { type Resource, readResources } from './kustomize.ts'

const { KUBECTL = '', CLUSTER = '' } = process.env
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    namespace: { type: 'string' },
    filename: { type: 'string', short: 'f' },
    kustomize: { type: 'string', short: 'k' },
    'from-file': { type: 'string' },
  },
})
const cluster = JSON.parse(readFileSync(CLUSTER, 'utf8')) as Resource[]
const kubectl = (...args: readonly string[]) => execFileSync(KUBECTL, args, { encoding: 'utf8' })

/** The keys that pods of a Deployment need of a Secret, by its name. */
interface Pods {
  readonly template: { readonly spec: { readonly volumes?: readonly Volume[] } }
}
interface Volume {
  readonly secret?: { readonly secretName: string; readonly items?: readonly { readonly key: string }[] }
}

function add(resources: readonly Resource[]): void {
  for (const one of resources) if (one.kind === 'Namespace') cluster.push(one)
  for (const one of resources) {
    const { namespace } = one.metadata
    if (namespace !== undefined && find('Namespace', namespace) === undefined) fail(`namespaces "${namespace}" not found`)
    if (one.kind !== 'Namespace') cluster.push(one)
    console.log(`${one.kind.toLowerCase()}/${one.metadata.name} configured`)
  }
  writeFileSync(CLUSTER, JSON.stringify(cluster))
}

function find(kind: string, name: string, namespace?: string): Resource | undefined {
  return cluster.findLast(({ kind: of, metadata }) => of === kind && metadata.name === name && metadata.namespace === namespace)
}

/** A pod whose secrets are not there does not start, and the rollout does not end. */
function followRollout(name: string): void {
  const deployment = find('Deployment', name, values.namespace) ?? fail(`deployments.apps "${name}" not found`)
  for (const { secret } of (deployment.spec as Pods).template.spec.volumes ?? []) {
    if (secret === undefined) continue
    const found = find('Secret', secret.secretName, values.namespace) ?? fail(`secret "${secret.secretName}" not found`)
    for (const { key } of secret.items ?? [])
      if (!Object.hasOwn(found.data as object, key)) fail(`references non-existent secret key: ${key}`)
  }
  console.log(`deployment "${name}" successfully rolled out`)
}

function fail(why: string): never {
  console.error(`Error from server (NotFound): ${why}`)
  process.exit(1)
}

const [verb, kind, type, name] = positionals
if (verb === 'kustomize') process.stdout.write(kubectl('kustomize', kind ?? ''))
else if (verb === 'apply' && values.kustomize !== undefined) add(readResources(kubectl('kustomize', values.kustomize)))
else if (verb === 'apply' && values.filename !== undefined) add(readResources(readFileSync(values.filename, 'utf8')))
else if (verb === 'create' && kind === 'secret' && type === 'generic') {
  const place = ['--namespace', values.namespace ?? 'default', `--from-file=${values['from-file']}`]
  add(readResources(kubectl('create', 'secret', 'generic', name ?? '', ...place, '--dry-run=client', '-o', 'yaml')))
} else if (verb === 'rollout' && kind === 'status') followRollout((type ?? '').replace('deployment/', ''))
else fail(`what stands for kubectl does not know ${process.argv.slice(2).join(' ')}`)
