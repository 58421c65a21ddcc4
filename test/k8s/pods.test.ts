import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inImage } from '../support/dockerfile.ts'
import { build, find, overlays, samples } from '../support/kustomize.ts'
import { containersOf, gatewayOf, podLabels, podOf } from '../support/pod.ts'
import { readProjectFile } from '../support/project-files.ts'

const all = [...overlays, ...samples].map(name => [name, build(name)] as const)
const [standalone, sidecar] = overlays.map(name => build(name))

describe('every pod', () => {
  for (const [name, resources] of all) {
    const pod = podOf(resources)

    it(`NHI-06 runs without rights: ${name}`, () => {
      for (const container of containersOf(pod)) {
        const { securityContext: context } = container
        assert.equal(context.runAsNonRoot, true, container.name)
        assert.ok(Number(context.runAsUser) > 0 && Number(context.runAsGroup) > 0, container.name)
        assert.equal(context.allowPrivilegeEscalation, false, container.name)
        assert.equal(context.readOnlyRootFilesystem, true, container.name)
        assert.deepEqual(context.capabilities, { drop: ['ALL'] }, container.name)
        assert.deepEqual(context.seccompProfile, { type: 'RuntimeDefault' }, container.name)
      }
      assert.deepEqual(pod.securityContext.seccompProfile, { type: 'RuntimeDefault' })
      assert.equal(pod.automountServiceAccountToken, false)
      assert.equal(find(resources, 'ServiceAccount', pod.serviceAccountName).automountServiceAccountToken, false)
      // Or every service of the namespace would stand in the environment.
      assert.equal(pod.enableServiceLinks, false)
    })

    it(`has a gateway that runs as the image's user, whose group reads the secrets: ${name}`, () => {
      const { securityContext } = gatewayOf(pod)

      assert.deepEqual(inImage('USER'), [`${securityContext.runAsUser}:${securityContext.runAsGroup}`])
      assert.equal(pod.securityContext.fsGroup, securityContext.runAsGroup)
    })

    it(`may be as slow to stop as the program may: ${name}`, () => {
      const own = sleepOf(gatewayOf(pod).lifecycle) + drainSeconds()
      const apps = pod.containers.filter(({ name }) => name !== 'gateway').map(({ lifecycle }) => sleepOf(lifecycle))
      // A native sidecar is told to stop when the others have; its preStop ran beside theirs.
      const before = pod.initContainers === undefined ? 0 : Math.max(...apps) + 15

      assert.ok(sleepOf(gatewayOf(pod).lifecycle) >= 5)
      assert.ok(own + before < pod.terminationGracePeriodSeconds, `${own} s and ${before} s`)
      // They are there for what the gateway still lets in.
      assert.ok(apps.every(seconds => seconds > sleepOf(gatewayOf(pod).lifecycle)))
    })

    it(`says how much it needs, and has every image at a version: ${name}`, () => {
      for (const { resources: needs, image, name } of containersOf(pod)) {
        assert.ok(needs?.requests !== undefined && needs.limits?.memory !== undefined, name)
        assert.match(image, /^[a-z0-9.-]+\/[a-z0-9./-]+:\d[\w.-]*$/, name)
      }
      assert.ok(gatewayOf(pod).image.endsWith(`:${JSON.parse(readProjectFile('package.json')).version}`))
    })

    it(`is chosen by what chooses it: ${name}`, () => {
      const labels = podLabels(resources)
      const chosen = (selector: unknown) => {
        const wanted = Object.entries((selector as { matchLabels?: Record<string, string> }).matchLabels ?? {})
        return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value)
      }

      assert.ok(chosen((find(resources, 'Deployment').spec as { selector: object }).selector))
      assert.ok(chosen((find(resources, 'NetworkPolicy').spec as { podSelector: object }).podSelector))
      for (const { kind, spec } of resources) {
        if (kind === 'Service') assert.ok(chosen({ matchLabels: (spec as { selector: Record<string, string> }).selector }))
        if (kind === 'PodDisruptionBudget') assert.ok(chosen((spec as { selector: object }).selector))
      }
    })
  }
})

describe('the standalone gateway', () => {
  it('is several, spread, one of which may be missing, and as many as the autoscaler says', () => {
    const resources = standalone ?? assert.fail()
    const deployment = find(resources, 'Deployment').spec as {
      replicas?: number
      template: { spec: { topologySpreadConstraints: unknown[] } }
    }
    const autoscaler = find(resources, 'HorizontalPodAutoscaler').spec as {
      minReplicas: number
      scaleTargetRef: object
      metrics: { containerResource: { container: string } }[]
    }

    assert.equal(deployment.replicas, undefined)
    assert.ok(autoscaler.minReplicas >= 2)
    assert.deepEqual(autoscaler.scaleTargetRef, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      name: find(resources, 'Deployment').metadata.name,
    })
    assert.deepEqual(
      autoscaler.metrics.map(metric => metric.containerResource.container),
      ['gateway'],
    )
    assert.equal(deployment.template.spec.topologySpreadConstraints.length, 2)
    assert.equal((find(resources, 'PodDisruptionBudget').spec as { maxUnavailable: number }).maxUnavailable, 1)
  })
})

describe('the sidecar', () => {
  const pod = podOf(sidecar ?? assert.fail())

  it('is native: it starts before the app and stops after it', () => {
    assert.deepEqual(
      pod.initContainers?.map(({ name, restartPolicy }) => [name, restartPolicy]),
      [['gateway', 'Always']],
    )
    assert.ok(gatewayOf(pod).startupProbe !== undefined)
  })

  it('is the only way to the app, which listens on loopback and opens no port', () => {
    const [app] = pod.containers
    const env = Object.fromEntries((app?.env ?? []).map(({ name, value }) => [name, value]))

    assert.equal(pod.containers.length, 1)
    assert.equal(env.HOST, '127.0.0.1')
    assert.equal(app?.ports, undefined)
    assert.deepEqual(
      (find(sidecar ?? [], 'Service').spec as { ports: { targetPort: string }[] }).ports.map(({ targetPort }) => targetPort),
      ['http'],
    )
  })

  it('alone can read the secrets', () => {
    const readers = containersOf(pod).filter(({ volumeMounts = [] }) => volumeMounts.some(({ name }) => name === 'secrets'))

    assert.deepEqual(
      readers.map(({ name }) => name),
      ['gateway'],
    )
  })
})

describe('the network policy', () => {
  for (const [name, resources] of all) {
    it(`WEB-10 lets only the proxy in front to the public port, and only the monitoring to the probes: ${name}`, () => {
      const { ingress, policyTypes } = find(resources, 'NetworkPolicy').spec as {
        policyTypes: string[]
        ingress: { from: { namespaceSelector: { matchLabels: Record<string, string> } }[]; ports: { port: string }[] }[]
      }
      const ways = ingress.flatMap(({ from, ports }) =>
        ports.map(({ port }) => [from.map(peer => peer.namespaceSelector.matchLabels['kubernetes.io/metadata.name']).join(), port]),
      )

      assert.deepEqual(policyTypes, ['Ingress', 'Egress'])
      const public_ = name === 'samples/nginx' ? 'nginx' : 'http'
      const asked = ['samples/traefik', 'samples/envoy-gateway'].includes(name) ? [['ingress', 'verify']] : []
      assert.deepEqual(ways, [['ingress', public_], ['monitoring', 'probes'], ...asked])
    })

    // kustomize adds the labels of our own pods to every podSelector that it finds, those of other pods too.
    it(`lets the pod out to names, Redis and https, by selectors that mean others than itself: ${name}`, () => {
      const { egress } = find(resources, 'NetworkPolicy').spec as { egress: { to: Record<string, unknown>[]; ports: { port: number }[] }[] }

      assert.deepEqual(
        egress.slice(0, 3).map(({ ports }) => ports[0]?.port),
        [53, 6379, 443],
      )
      assert.deepEqual(
        egress.flatMap(({ to }) => to.filter(peer => 'podSelector' in peer)),
        [],
      )
    })
  }
})

function sleepOf(lifecycle: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } } | undefined): number {
  return lifecycle?.preStop?.sleep?.seconds ?? assert.fail('no preStop sleep')
}

/** How long the program may take from SIGTERM to its end, as its sources say. */
function drainSeconds(): number {
  const grace = milliseconds('src/main.ts', 'graceMs')
  const settle = milliseconds('src/assembly.ts', 'settleMs')
  return (grace + 2 * settle) / 1000
}

function milliseconds(file: string, name: string): number {
  const [, digits = ''] =
    new RegExp(`^const ${name} = ([\\d_]+)$`, 'm').exec(readProjectFile(file)) ?? assert.fail(`${file} has no ${name}`)
  return Number(digits.replaceAll('_', ''))
}
