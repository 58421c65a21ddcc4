import assert from 'node:assert/strict'
import { builtinModules } from 'node:module'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { projectFiles, readProjectFile } from './support/project-files.ts'

/**
 * The layers, from the top. A file imports what lies in its own room, in rooms of lower layers, and errors.ts;
 * rooms that share a layer do not know each other.
 */
const layers: readonly (readonly string[])[] = [
  ['cli'],
  ['main.ts', 'demo', 'testing', 'sallyport.ts'],
  ['running.ts'],
  ['gateway.ts', 'listeners.ts', 'lasting.ts', 'retired.ts'],
  ['assembly.ts'],
  ['native'],
  ['request', 'auth', 'admin', 'doctor'],
  ['tokens'],
  ['session', 'oidc'],
  ['store'],
  ['http', 'config', 'ops', 'pages', 'client'],
  ['errors.ts'],
]

/** Types that are words of the whole program, by the file that declares them: `import type` is allowed from these rooms too. */
const sharedTypes: Readonly<Record<string, readonly string[]>> = {
  'config/config.ts': ['http', 'pages', 'ops'],
  'session/session.ts': ['oidc'],
  'ops/fields.ts': ['config', 'http', 'pages'],
  'config/read-secret.ts': ['ops'],
}

/** Who alone may import a package. */
const packageOwners: Readonly<Record<string, readonly string[]>> = {
  'openid-client': ['oidc'],
  '@redis/client': ['store'],
  redis: [],
  undici: ['request', 'oidc'],
  'oidc-provider': ['demo'],
  '@modelcontextprotocol/sdk': ['demo'],
}

interface Import {
  readonly file: string
  readonly specifier: string
  readonly isTypeOnly: boolean
}

const manifest = JSON.parse(readProjectFile('package.json')) as Record<string, Record<string, string>>

/**
 * What a name in the package's `exports` stands for. These alone pass on what others export: an entry is the list of what
 * we promise to keep, and without it the package would be as wide as its files.
 */
const packageEntries = Object.values(manifest.exports as unknown as Record<string, { readonly default: string }>).map(entry =>
  entry.default.replace('./dist/', 'src/').replace(/js$/, 'ts'),
)

const sources = projectFiles('src').filter(file => file.endsWith('.ts'))
const tests = projectFiles('test').filter(file => file.endsWith('.ts'))
const code = [...sources, ...tests, ...projectFiles('bench'), ...projectFiles('tools')].filter(file => /\.(ts|js)$/.test(file))

describe('the walls', () => {
  it('let imports go down only', () => {
    const upwards = sources.flatMap(importsOf).filter(found => isRelative(found) && !goesDown(found))

    assert.deepEqual(upwards.map(describeImport), [])
  })

  it('have a place for every file', () => {
    const rooms = new Set(layers.flat())

    const strays = sources.filter(file => !rooms.has(roomOf(file)))

    assert.deepEqual(strays, [])
  })

  it('keep the command-line client on its own side: of the gateway it knows leaves alone', () => {
    const leaves = ['config/durations.ts', 'config/hosts.ts', 'config/mistakes.ts', 'http/iso-time.ts', 'native/matching-code.ts']
    const allowed = (target: string) =>
      target.startsWith('src/cli/native/') ||
      target === 'src/cli/terminal.ts' ||
      target.startsWith('src/pages/') ||
      leaves.includes(target.slice('src/'.length))

    const intruders = sources
      .filter(file => file.startsWith('src/cli/native/'))
      .flatMap(importsOf)
      .filter(found => (isRelative(found) ? !allowed(resolve(found)) : !isBuiltin(found.specifier)))

    assert.deepEqual(intruders.map(describeImport), [])
  })

  it('keep the gateway from all but those who start one', () => {
    const starters = ['src/running.ts', 'src/sallyport.ts', 'src/testing/', 'src/demo/', 'src/cli/', 'test/', 'bench/']

    const importers = code.filter(file => importsOf(file).some(found => resolve(found) === 'src/gateway.ts'))

    assert.deepEqual(
      importers.filter(file => !starters.some(starter => file.startsWith(starter))),
      [],
    )
  })

  it('leave each delicate package to one room', () => {
    const intruders = sources.flatMap(importsOf).filter(found => {
      const owners = packageOwners[packageOf(found.specifier)]
      return owners !== undefined && !owners.includes(roomOf(found.file))
    })

    assert.deepEqual(intruders.map(describeImport), [])
  })
})

describe('a file', () => {
  it('has at most 300 lines in src and 400 in test', () => {
    const limits = { 'src/': 300, 'test/': 400, 'bench/': 300, 'tools/': 300 }

    const long = Object.entries(limits).flatMap(([folder, limit]) =>
      code.filter(file => file.startsWith(folder) && readProjectFile(file).split('\n').length - 1 > limit),
    )

    assert.deepEqual(long, [])
  })

  it('is named for what it does, in kebab-case', () => {
    const nameless = /^(utils?|common|helpers?|misc|shared|index|types)\.(ts|js)$/

    const badlyNamed = code.filter(file => {
      const name = file.slice(file.lastIndexOf('/') + 1)
      return nameless.test(name) || !/^[a-z0-9]+(-[a-z0-9]+)*(\.(test|long))?\.(ts|js)$/.test(name)
    })

    assert.deepEqual(badlyNamed, [])
  })

  it('does not pass on what others export', () => {
    const barrels = code.filter(file => /^export\s+(type\s+)?(\*|\{[^}]*\})\s*(as \w+\s+)?from\b/m.test(readProjectFile(file)))

    assert.deepEqual(
      barrels.filter(file => !packageEntries.includes(file)),
      [],
    )
  })

  it('has no mark of unfinished or switched-off work', () => {
    // Only what a machine lacks may keep a test from running, by a reason that it prints: `skip: noChroot`.
    const marks = /\.(only|skip|todo)\(|\b(only|todo): |\bskip: (?!no[A-Z])|\b(TODO|FIXME|XXX)\b/
    // This file cannot name the marks without having them.
    const others = code.filter(file => file !== 'test/conventions.test.ts')

    assert.deepEqual(
      others.filter(file => marks.test(readProjectFile(file))),
      [],
    )
  })
})

describe('the dependencies', () => {
  const lock = JSON.parse(readProjectFile('package-lock.json')) as {
    packages: Record<string, { license?: string; link?: boolean; dev?: boolean }>
  }
  const production = Object.keys(manifest.dependencies ?? {})
  const development = Object.keys(manifest.devDependencies ?? {})
  const peers = Object.keys(manifest.peerDependencies ?? {})

  it('are declared where they are imported, and those of the tests stay out of the product', () => {
    const undeclared = code.flatMap(importsOf).filter(found => {
      if (isRelative(found) || isBuiltin(found.specifier)) return false
      const isProduct = found.file.startsWith('src/') && roomOf(found.file) !== 'demo'
      // Who tests with sallyport/testing brings its peers along.
      const brought = roomOf(found.file) === 'testing' ? peers : []
      const allowed = isProduct ? [...production, ...brought] : [...production, ...development]
      return !allowed.includes(packageOf(found.specifier))
    })

    assert.deepEqual(undeclared.map(describeImport), [])
  })

  it('are all used', () => {
    const imported = new Set(code.flatMap(importsOf).map(found => packageOf(found.specifier)))
    const scripts = Object.values(manifest.scripts ?? {}).join(' ')
    // `tsc` is typescript's command; node's types go with node.
    if (/\btsc\b/.test(scripts)) imported.add('typescript')
    imported.add('node')

    const unused = [...production, ...development].filter(name => !imported.has(name.replace('@types/', '')))

    assert.deepEqual(unused, [])
  })

  it('have licences that allow what we do', () => {
    const allowed = [
      'MIT',
      'ISC',
      'BSD-2-Clause',
      'BSD-3-Clause',
      '0BSD',
      'Apache-2.0',
      'BlueOak-1.0.0',
      'MIT OR Apache-2.0',
      '(WTFPL OR MIT)',
      'CC0-1.0',
    ]

    // Its terms are for those who hand on the files themselves, changed: what tests run with is handed to nobody.
    const allowedInTests = [...allowed, 'MPL-2.0']

    const others = Object.entries(lock.packages).filter(
      ([, { link, dev, license = '' }]) => link !== true && !(dev === true ? allowedInTests : allowed).includes(license),
    )

    assert.deepEqual(
      others.map(([name, entry]) => `${name}: ${entry.license ?? 'none given'}`),
      [],
    )
  })

  it('are pinned to one version', () => {
    const floating = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies }).filter(([, range]) => !/^\d/.test(range))

    assert.deepEqual(floating, [])
  })

  it('come from whatever registry is configured: the lock file names none', () => {
    assert.deepEqual(readProjectFile('package-lock.json').match(/"resolved": "[a-z+]+:.*"/g), null)
  })
})

describe('the repository', () => {
  it('names no person and no machine', () => {
    const texts = projectFiles().filter(file => !/\.(png|ico|woff2?)$|^package-lock\.json$/.test(file))
    // Domains that can belong to nobody (RFC 2606, RFC 6761, ICANN's .internal) are what examples are written with.
    const isReserved = (address: string) => /(^|[.@])(example(\.(com|net|org))?|test|invalid|localhost|internal)$/i.test(address)

    const findings = texts.flatMap(file => {
      const text = readProjectFile(file)
      const addresses = text.match(/\b[\w.+-]+@(?:[a-z0-9-]+\.)+[a-z]{2,}\b/gi) ?? []
      const paths = text.match(/(?<![\w./-])\/(?:work|root|home\/\w+|Users\/\w+)\/[\w.-]+/g) ?? []
      return [...addresses.filter(address => !isReserved(address)), ...paths].map(found => `${file}: ${found}`)
    })

    assert.deepEqual(findings, [])
  })
})

function importsOf(file: string): Import[] {
  const text = readProjectFile(file)
  const clauses = text.matchAll(/^(?:import|export)\b([^'"`;]*?)\bfrom\s*['"]([^'"]+)['"]/gm)
  const bare = text.matchAll(/^import\s*['"]([^'"]+)['"]/gm)
  const dynamic = text.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)
  return [
    ...[...clauses].map(([, clause = '', specifier = '']) => ({ file, specifier, isTypeOnly: /^\s*type\b/.test(clause) })),
    ...[...bare, ...dynamic].map(([, specifier = '']) => ({ file, specifier, isTypeOnly: false })),
  ]
}

function goesDown(found: Import): boolean {
  const target = resolve(found)
  if (!target.startsWith('src/')) return false
  const from = roomOf(found.file)
  const to = roomOf(target)
  if (from === to || layerOf(from) < layerOf(to)) return true
  return found.isTypeOnly && (sharedTypes[target.slice('src/'.length)]?.includes(from) ?? false)
}

/** The file that a relative import means, as a path from the project's root. */
function resolve(found: Import): string {
  return join(dirname(found.file), found.specifier)
}

function isRelative(found: Import): boolean {
  return found.specifier.startsWith('.')
}

/** The folder under src/ that a file lies in, or its own name where it lies in none. */
function roomOf(file: string): string {
  return file.split('/')[1] ?? ''
}

function layerOf(room: string): number {
  return layers.findIndex(layer => layer.includes(room))
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith('node:') || builtinModules.includes(specifier)
}

function packageOf(specifier: string): string {
  return specifier.startsWith('@') ? specifier.split('/').slice(0, 2).join('/') : (specifier.split('/')[0] ?? '')
}

function describeImport(found: Import): string {
  return `${found.file} imports ${found.specifier}`
}
