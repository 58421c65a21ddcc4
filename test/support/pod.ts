import assert from 'node:assert/strict'
import { find, type Resource } from './kustomize.ts'

/** What the tests look at of a container; its whole shape is checked elsewhere. */
export interface Container {
  readonly name: string
  readonly image: string
  readonly args?: readonly string[]
  readonly restartPolicy?: string
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[]
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: object }[]
  readonly envFrom?: readonly object[]
  readonly startupProbe?: Probe
  readonly readinessProbe?: Probe
  readonly livenessProbe?: Probe
  readonly lifecycle?: { readonly preStop?: { readonly sleep?: { readonly seconds: number } } }
  readonly resources?: { readonly requests?: object; readonly limits?: Readonly<Record<string, string>> }
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly volumeMounts?: readonly {
    readonly name: string
    readonly mountPath: string
    readonly subPath?: string
    readonly readOnly?: boolean
  }[]
}

export interface Probe {
  readonly httpGet: {
    readonly path: string
    readonly port: string | number
    readonly httpHeaders?: readonly { name: string; value: string }[]
  }
}

export interface Volume {
  readonly name: string
  readonly configMap?: { readonly name: string }
  readonly secret?: {
    readonly secretName: string
    readonly defaultMode: number
    readonly items: readonly { readonly key: string; readonly path: string }[]
  }
}

export interface Pod {
  readonly containers: readonly Container[]
  readonly initContainers?: readonly Container[]
  readonly volumes: readonly Volume[]
  readonly securityContext: Readonly<Record<string, unknown>>
  readonly automountServiceAccountToken: boolean
  readonly enableServiceLinks: boolean
  readonly serviceAccountName: string
  readonly terminationGracePeriodSeconds: number
}

/** The pod of the one Deployment. */
export function podOf(resources: readonly Resource[]): Pod {
  return (find(resources, 'Deployment').spec as { template: { spec: Pod } }).template.spec
}

/** The labels of its pods. */
export function podLabels(resources: readonly Resource[]): Readonly<Record<string, string>> {
  return (find(resources, 'Deployment').spec as { template: { metadata: { labels: Record<string, string> } } }).template.metadata.labels
}

export function containersOf(pod: Pod): readonly Container[] {
  return [...(pod.initContainers ?? []), ...pod.containers]
}

export function gatewayOf(pod: Pod): Container {
  return containersOf(pod).find(({ name }) => name === 'gateway') ?? assert.fail('there is no gateway')
}

/** The files of the ConfigMap that is mounted at /etc/sallyport, by name. */
export function configFilesOf(resources: readonly Resource[]): Readonly<Record<string, string>> {
  const pod = podOf(resources)
  const mount = gatewayOf(pod).volumeMounts?.find(({ mountPath }) => mountPath === '/etc/sallyport')
  const name = pod.volumes.find(volume => volume.name === mount?.name)?.configMap?.name
  return find(resources, 'ConfigMap', name).data as Record<string, string>
}
