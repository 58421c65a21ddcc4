import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { compileConfig } from '../src/config/compile.ts'
import { errorCodes } from '../src/errors.ts'
import { auditEvents } from '../src/ops/audit.ts'
import { logFieldNames } from '../src/ops/fields.ts'
import { listOptions } from '../tools/config-pages.ts'
import { conformanceIds, conformancePage, namedRows } from '../tools/conformance-map.ts'
import { projectFiles, projectRoot, readProjectFile } from './support/project-files.ts'

const pages = projectFiles().filter(file => file.endsWith('.md'))
const decisions = projectFiles('docs/decisions')
const sources = projectFiles('src').filter(file => file.endsWith('.ts'))

describe('docs/errors.md', () => {
  it('has a heading for every error code, and for no other', () => {
    const described = headings('docs/errors.md', '###')

    assert.deepEqual(described.toSorted(), errorCodes.toSorted())
  })
})

describe('docs/logging.md', () => {
  it('LOG-10 lists every field that a log line may have, and no other', () => {
    assert.deepEqual(tableOf('docs/logging.md', 'Fields').toSorted(), Object.keys(logFieldNames).toSorted())
  })

  it('LOG-10 lists every audit event, and no other', () => {
    assert.deepEqual(tableOf('docs/logging.md', 'Audit events').toSorted(), auditEvents.toSorted())
  })

  it('LOG-10 lists every event of the log, and no other', () => {
    const text = sources.map(readProjectFile).join('\n')
    const written = text.matchAll(/\blog(?:\.write\([^,]+,\s*|\()'(\w+)'/g)
    const ofStore = text.matchAll(/\bonEvent\('(\w+)'/g)

    const events = new Set([...[...written].map(([, name]) => name), ...[...ofStore].map(([, name]) => `store_${name}`)])

    assert.deepEqual(tableOf('docs/logging.md', 'Log events').toSorted(), [...events].toSorted())
  })

  it('LOG-10 lists every reason that the program can give, and no other', () => {
    assert.deepEqual(tableOf('docs/logging.md', 'Reasons').toSorted(), reasonsInSource().toSorted())
  })
})

describe('docs/proxying.md', () => {
  it('names every header that is dropped on its way up or down', () => {
    const upwards = readProjectFile('src/http/header-names.ts')
    const [, downwards = ''] = /const dropped[^=]+= new Set\(\[(.+?)\]\)\n/s.exec(readProjectFile('src/http/response-headers.ts')) ?? []
    const names = [...`${upwards}${downwards}`.matchAll(/'([a-z][\w-]+)'/g)].map(([, name = '']) => name)
    const page = readProjectFile('docs/proxying.md').toLowerCase()

    assert.deepEqual(
      names.filter(name => !page.includes(`\`${name.replace(/-$/, '')}`)),
      [],
    )
  })
})

describe('docs/operations.md', () => {
  it('lists every metric of ours, and no other', () => {
    const named = readProjectFile('src/ops/metrics.ts').matchAll(/'(sallyport_\w+)'/g)
    const metrics = tableOf('docs/operations.md', 'Probes, metrics and traces').filter(name => name.startsWith('sallyport_'))

    assert.deepEqual(metrics.toSorted(), [...named].map(([, name = '']) => name).toSorted())
  })

  it('SES-17 gives the session timeouts with their reasons, and their defaults as the program has them', () => {
    const options = listOptions().filter(({ path }) => /^session\.\w+Timeout$/.test(path))

    assert.equal(options.length, 2)
    for (const { path, byDefault } of options) {
      assert.match(readProjectFile('docs/operations.md'), new RegExp(`^\\| \`${path}\` \\| \`${byDefault}\` \\| .{20,} \\|$`, 'm'))
    }
  })
})

describe('docs/decisions', () => {
  it('are numbered without a gap', () => {
    assert.deepEqual(
      decisions.map(file => Number(file.split('/')[2]?.slice(0, 3))),
      decisions.map((_, position) => position + 1),
    )
  })

  it('say what was known, what was chosen, what follows, and when to look again', () => {
    for (const file of decisions) {
      assert.deepEqual(headings(file, '##'), ['Context', 'Decision', 'Consequences', 'When to revisit'], file)
    }
  })

  it('are there when the code refers to them', () => {
    const referred = sources.flatMap(file => readProjectFile(file).match(/docs\/decisions\/\d{3}/g) ?? [])

    assert.deepEqual(
      referred.filter(name => !decisions.some(file => file.startsWith(name))),
      [],
    )
  })
})

describe('the pages', () => {
  it('have no link within the project that leads nowhere', () => {
    const broken = pages.flatMap(page =>
      [...readProjectFile(page).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, target = '']) => target)
        .filter(target => !/^[a-z]+:/.test(target) && !leadsSomewhere(page, target))
        .map(target => `${page}: ${target}`),
    )

    assert.deepEqual(broken, [])
  })

  it('name the commands that CI runs', () => {
    const [command] = readProjectFile('.ci/run').trim().split('\n').slice(-1)

    assert.match(readProjectFile('README.md'), new RegExp(`^${command}$`, 'm'))
  })

  it('are there when a comment refers to them', () => {
    const commented = [...sources, ...projectFiles('test'), ...projectFiles('config')].filter(file => /\.(ts|yaml)$/.test(file))

    const missing = commented.flatMap(file =>
      (readProjectFile(file).match(/\bdocs\/[\w/-]+\.md\b/g) ?? [])
        .filter(page => !existsSync(join(projectRoot, page)))
        .map(page => `${file}: ${page}`),
    )

    assert.deepEqual(missing, [])
  })

  it('name only npm scripts that exist', () => {
    const { scripts } = JSON.parse(readProjectFile('package.json')) as { scripts: Record<string, string> }
    const missing = pages.flatMap(page =>
      [...readProjectFile(page).matchAll(/\bnpm run (-s )?([\w:-]+)/g)]
        .map(([, , name = '']) => name)
        .filter(name => !(name in scripts))
        .map(name => `${page}: ${name}`),
    )

    assert.deepEqual(missing, [])
  })
})

describe('README.md', () => {
  it('shows a configuration that starts', () => {
    const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(readProjectFile('README.md')) ?? []
    // Files become variables here, so that the test needs no /run/secrets.
    const options = parse(yaml.replace(/file: \/run\/secrets\/([\w-]+)/g, 'env: $1'))
    const key = () => randomBytes(32).toString('base64url')
    const env = { 'client-secret': key(), 'cookie-key': key(), 'seal-k1': key(), REDIS_URL: 'redis://redis' }

    const config = compileConfig(options, { env })

    assert.deepEqual(
      config.routes.map(route => route.path),
      ['/api/orders', '/'],
    )
  })
})

describe('the conformance checklist', () => {
  it('has every row that a test names', () => {
    const blocks = new Set(conformanceIds.map(id => id.slice(0, id.indexOf('-'))))

    const unknown = [...namedRows().keys()].filter(id => blocks.has(id.slice(0, id.indexOf('-'))) && !conformanceIds.includes(id))

    assert.deepEqual(unknown, [])
  })

  it('is mapped to the tests in docs/security.md as they are now; npm run fix brings the map up to date', () => {
    const { found, wanted } = conformancePage()

    assert.ok(found === wanted, 'the map in docs/security.md is older than the tests: run npm run fix')
  })
})

/**
 * The words that the sources give as a reason: as a member, as an argument of the functions that take one, and
 * from the lists and types of which one is passed on.
 */
function reasonsInSource(): string[] {
  const text = sources.map(readProjectFile).join('\n')
  const places = [
    /\breason: ([^,}\n]+)/g,
    /\b(?:idpUnavailable\(\s*config,|refused\(|mismatch\()\s*('\w+')/g,
    /\bconst (?:tokenErrors|silentRefusals|outages|endCauses) = \[([^\]]+)\]/g,
    /\btokenErrors\.includes\(.+\) \? .+ : ('\w+')/g,
    /\btype EndReason = (.+)/g,
    /\{ readonly failure: ('.+' \| '.+') \}/g,
  ]
  const expressions = places.flatMap(place => [...text.matchAll(place)].map(([, expression = '']) => expression))
  // Not what a value is compared with.
  const words = expressions.flatMap(expression => [...expression.matchAll(/(?<!=== )'(\w+)'/g)].map(([, word = '']) => word))
  return [...new Set(words)]
}

/** The texts of a page's headings of one level, without code marks. */
function headings(page: string, mark: '##' | '###'): string[] {
  return [...readProjectFile(page).matchAll(new RegExp(`^${mark} (.+)$`, 'gm'))].map(([, text = '']) => text.replaceAll('`', ''))
}

/** The first column of the tables under a heading. */
function tableOf(page: string, heading: string): string[] {
  const [, rest = ''] = readProjectFile(page).split(`\n## ${heading}\n`)
  const [section = ''] = rest.split('\n## ')
  return [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name)
}

function leadsSomewhere(page: string, target: string): boolean {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : join(dirname(page), path)
  if (!existsSync(join(projectRoot, file))) return false
  if (anchor === undefined || statSync(join(projectRoot, file)).isDirectory()) return true
  return anchorsOf(file).has(anchor)
}

/** Headings become anchors as hosting sites make them: lower case, spaces to hyphens, punctuation gone. */
function anchorsOf(page: string): Set<string> {
  const texts = [...readProjectFile(page).matchAll(/^#{1,6} (.+)$/gm)].map(([, text = '']) => text)
  return new Set(
    texts.map(text =>
      text
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  )
}
