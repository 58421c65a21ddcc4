import { readFileSync, writeFileSync } from 'node:fs'

/** A package of Debian. */
export interface SystemPackage {
  readonly name: string
  readonly version: string
  readonly architecture: string
}

interface Bill {
  readonly components: readonly object[]
  readonly dependencies?: readonly object[]
}

// The copyright files, which are in the image, say more. A package that is not here is a mistake, as one of npm without
// a licence is: somebody has to find out before it is given to others.
const licences: Readonly<Record<string, string>> = {
  libc6: 'LGPL-2.1-or-later',
  'libgcc-s1': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  'libstdc++6': 'GPL-3.0-or-later WITH GCC-exception-3.1',
  libatomic1: 'GPL-3.0-or-later WITH GCC-exception-3.1',
}

/** Adds this Node, and the packages of this Debian that it stands on, to a CycloneDX bill of materials. */
export function addSystemParts(file: string, packages: readonly SystemPackage[]): void {
  const bill = JSON.parse(readFileSync(file, 'utf8')) as Bill
  const release = osRelease()
  const version = process.versions.node
  const node = {
    type: 'application',
    'bom-ref': `node@${version}`,
    name: 'node',
    version,
    purl: `pkg:generic/node@${version}`,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    licenses: [{ license: { id: 'MIT' } }],
  }
  const libraries = packages.map(({ name, version: installed, architecture }) => {
    const expression = licences[name]
    if (expression === undefined) throw new Error(`image-bill.ts: no licence is given for ${name}`)
    const purl = `pkg:deb/${release.get('ID')}/${encodeURIComponent(name)}@${encodeURIComponent(installed)}?arch=${architecture}&distro=${release.get('ID')}-${release.get('VERSION_ID')}`
    return { type: 'library', 'bom-ref': purl, name, version: installed, purl, licenses: [{ expression }] }
  })
  const stands = { ref: node['bom-ref'], dependsOn: libraries.map(library => library['bom-ref']) }
  const all = { ...bill, components: [...bill.components, node, ...libraries], dependencies: [...(bill.dependencies ?? []), stands] }
  writeFileSync(file, `${JSON.stringify(all, undefined, 2)}\n`)
}

function osRelease(): ReadonlyMap<string, string> {
  const lines = readFileSync('/etc/os-release', 'utf8').matchAll(/^(\w+)="?([^"\n]*)"?$/gm)
  return new Map([...lines].map(([, name = '', value = '']) => [name, value]))
}
