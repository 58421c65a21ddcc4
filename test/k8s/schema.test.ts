import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { promisify } from 'node:util'
import { build, buildWithMonitoring, overlays, type Resource, samples } from '../support/kustomize.ts'
import { projectRoot } from '../support/project-files.ts'

type Model = new (data: object) => { validate(): void }

/** Where a group's types are: interfaces that know every member, and validators that know formats and ranges. */
const models: Readonly<Record<string, { readonly module: string; load(): Promise<object> }>> = {
  v1: { module: 'kubernetes-models/v1', load: () => import('kubernetes-models/v1') },
  'apps/v1': { module: 'kubernetes-models/apps/v1', load: () => import('kubernetes-models/apps/v1') },
  'autoscaling/v2': { module: 'kubernetes-models/autoscaling/v2', load: () => import('kubernetes-models/autoscaling/v2') },
  'policy/v1': { module: 'kubernetes-models/policy/v1', load: () => import('kubernetes-models/policy/v1') },
  'networking.k8s.io/v1': {
    module: 'kubernetes-models/networking.k8s.io/v1',
    load: () => import('kubernetes-models/networking.k8s.io/v1'),
  },
  'monitoring.coreos.com/v1': {
    module: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
    load: () => import('@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'),
  },
  'gateway.networking.k8s.io/v1': {
    module: '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1',
    load: () => import('@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'),
  },
  'gateway.networking.k8s.io/v1beta1': {
    module: '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1beta1',
    load: () => import('@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1beta1'),
  },
  'traefik.io/v1alpha1': {
    module: '@kubernetes-models/traefik/traefik.io/v1alpha1',
    load: () => import('@kubernetes-models/traefik/traefik.io/v1alpha1'),
  },
}

// No package has its types: test/k8s/samples.test.ts looks at its members.
const isKnown = ({ apiVersion }: Resource) => apiVersion !== 'gateway.envoyproxy.io/v1alpha1'

const everything = [
  ...samples.map(sample => [sample, build(sample).filter(isKnown)] as const),
  ...overlays.map(overlay => [overlay, buildWithMonitoring(overlay)] as const),
]

describe('the manifests', () => {
  for (const [name, resources] of everything) {
    it(`are of the forms and ranges that Kubernetes has: ${name}`, async () => {
      for (const resource of resources) {
        const module = (await models[resource.apiVersion]?.load()) as Record<string, Model> | undefined
        const Model = module?.[resource.kind] ?? assert.fail(`no type for ${resource.apiVersion} ${resource.kind}`)

        assert.doesNotThrow(() => new Model(resource).validate(), `${resource.kind} ${resource.metadata.name}`)
      }
    })
  }

  it('have no member that Kubernetes does not know', async () => {
    assert.equal(await complaintsOfCompiler(everything.flatMap(([, resources]) => resources)), '')
  })

  it('would be found out if they had one', async () => {
    const [, resources] = everything[0] ?? assert.fail('nothing is built')
    const deployment = resources.find(({ kind }) => kind === 'Deployment') ?? assert.fail('no deployment')
    const text = JSON.stringify(deployment).replace('"readOnlyRootFilesystem"', '"readonlyRootFilesystem"')

    assert.match(await complaintsOfCompiler([JSON.parse(text) as Resource]), /readonlyRootFilesystem/)
  })
})

/** What TypeScript says of the objects as constants of their types; an object literal may have no member of its own. */
async function complaintsOfCompiler(resources: readonly Resource[]): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-types-'))
  try {
    await symlink(join(projectRoot, 'node_modules'), join(folder, 'node_modules'))
    const lines = resources.map((resource, i) => {
      const type = `import type { I${resource.kind} as T${i} } from '${models[resource.apiVersion]?.module}'`
      return `${type}\nexport const o${i}: T${i} = ${JSON.stringify(resource, null, 1)}`
    })
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    await writeFile(join(folder, 'manifests.ts'), lines.join('\n'))
    const flags = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--module', 'nodenext', '--types', 'node']
    const compiler = join(projectRoot, 'node_modules/.bin/tsc')
    await promisify(execFile)(compiler, [...flags, 'manifests.ts'], { cwd: folder })
    return ''
  } catch (error) {
    return (error as { stdout?: string }).stdout || String(error)
  } finally {
    await rm(folder, { recursive: true })
  }
}
