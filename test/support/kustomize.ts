import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { projectRoot } from './project-files.ts'

/** A Kubernetes object, as far as every kind has it. */
export interface Resource {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly labels?: Readonly<Record<string, string>> }
  // The rest depends on the kind; test/k8s/schema.test.ts holds all of it to the published types.
  readonly [member: string]: unknown
}

/** Both ways of running it, and those of standing behind another proxy, as folders under k8s/. */
export const overlays = ['overlays/standalone', 'overlays/sidecar']
export const samples = ['samples/httproute', 'samples/ingress', 'samples/traefik', 'samples/envoy-gateway', 'samples/nginx']

/** Builds a folder under k8s/ with the real kustomize, which kubectl has in it. */
export function build(folder: string, root = join(projectRoot, 'k8s')): readonly Resource[] {
  return readResources(kustomize(join(root, folder)))
}

/** Builds an overlay to which the component with the monitoring has been added, as its comment says. */
export function buildWithMonitoring(overlay: string): readonly Resource[] {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-k8s-'))
  try {
    cpSync(join(projectRoot, 'k8s'), root, { recursive: true })
    const file = join(root, overlay, 'kustomization.yaml')
    writeFileSync(file, `${readFileSync(file, 'utf8')}components: [../../components/monitoring]\n`)
    return build(overlay, root)
  } finally {
    rmSync(root, { recursive: true })
  }
}

/** The objects of a stream of YAML documents; a mistake in one of them throws, an empty one counts for nothing. */
export function readResources(yaml: string): readonly Resource[] {
  return parseAllDocuments(yaml).flatMap(document => {
    if (document.errors[0] !== undefined) throw document.errors[0]
    const resource = document.toJS() as Resource | null
    return resource === null ? [] : [resource]
  })
}

/** The one object of a kind, by its name where there are several. */
export function find(resources: readonly Resource[], kind: string, name?: string): Resource {
  const found = resources.filter(resource => resource.kind === kind && (name === undefined || resource.metadata.name === name))
  if (found.length !== 1 || found[0] === undefined) throw new Error(`${found.length} of ${kind} ${name ?? ''}`)
  return found[0]
}

function kustomize(folder: string): string {
  return execFileSync('kubectl', ['kustomize', folder], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
