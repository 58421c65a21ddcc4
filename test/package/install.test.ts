import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { launchBrowser } from '../support/browser.ts'
import { createEmptyProject, type EmptyProject } from '../support/empty-project.ts'
import { readProjectFile } from '../support/project-files.ts'

const strict = { strict: true, noEmit: true, verbatimModuleSyntax: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true }
const forNode = { ...strict, module: 'nodenext', target: 'es2024', types: ['node'] }
const forPages = { ...strict, module: 'esnext', moduleResolution: 'bundler', target: 'es2022', lib: ['es2022', 'dom'], types: [] }

/** What the examples for pages use of the page. */
const theirs = `
declare function show(name: unknown): void
declare function warn(seconds: number): void
declare function showSignedOut(reason?: string): void
declare function update(data: unknown): void
`

/** A page that is signed in, or says that it is not. */
const page = `
  import { createClient } from 'sallyport/client'
  const client = createClient()
  document.querySelector('button')?.addEventListener('click', () => void client.login())
  client.subscribe(event => {
    document.title = event.type === 'session_started' ? \`signed in as \${event.session.user.name}\` : 'signed out'
  })
`

/** The import map is for browsers without a bundler. */
const html = `<!doctype html><html lang="en"><title>loading</title><button>Sign in</button>
<script type="importmap">{"imports":{"sallyport/client":"/client/client.js"}}</script><script type="module" src="/page.js"></script></html>`

const server = `
  import { startTestGateway } from 'sallyport/testing'
  const t = await startTestGateway({
    routes: [{ path: '/', access: 'anyone', kind: 'page', upstream: { static: './public' } }],
    people: { alice: { claims: { name: 'Alice' } } },
  })
  console.log(t.origin)
`

describe('the package, installed into an empty project', () => {
  let project: EmptyProject

  before(async () => {
    project = await createEmptyProject()
    project.write('contract.test.ts', examples('docs/testing.md').join('\n'))
    project.write('library.ts', [...examples('docs/library.md'), misuse('createGateway', "{ origins: 'none' }")].join('\n'))
    project.write('pages/examples.ts', [theirs, ...examples('docs/browser-client.md')].join('\n'))
    project.write('pages/page.ts', page)
    project.write('pages/misuse.ts', `import { createClient } from 'sallyport/client'\n${misuse('createClient', '{ base: 1 }')}`)
    project.write('serve.ts', server)
    project.write(
      'misuse.ts',
      `import { startTestGateway } from 'sallyport/testing'\n${misuse('await startTestGateway', '{ routes: [] }')}`,
    )
    project.write('tsconfig.json', JSON.stringify({ compilerOptions: forNode, exclude: ['pages'] }))
    project.write('pages/tsconfig.json', JSON.stringify({ compilerOptions: forPages }))
  })
  after(() => project?.remove())

  it('has types that a strict compiler takes, for Node and for pages', async () => {
    await project.tsc('-p', '.')
    await project.tsc('-p', 'pages')
  })

  it('runs the contract tests of docs/testing.md', async () => {
    const printed = await project.node('--test', '--test-reporter=tap', 'contract.test.ts')

    assert.match(printed, /^# pass 4$/m)
    assert.match(printed, /^# fail 0$/m)
  })

  it('shows a page, without a bundler, that knows who is signed in', async () => {
    await project.tsc('-p', 'pages', '--noEmit', 'false', '--outDir', 'public')
    project.write('public/index.html', html)
    cpSync(join(project.folder, 'node_modules/sallyport/dist/client'), join(project.folder, 'public/client'), { recursive: true })
    const serving = spawn(process.execPath, ['serve.ts'], { cwd: project.folder, stdio: ['ignore', 'pipe', 'inherit'] })
    const browser = await launchBrowser()
    try {
      const [origin] = (await once(createInterface(serving.stdout), 'line')) as [string]
      const tab = await browser.newPage()
      await tab.goto(origin)
      await tab.waitForFunction(() => document.title === 'signed out')

      await tab.getByRole('button', { name: 'Sign in' }).click()
      await tab.getByRole('button', { name: 'alice' }).click()

      await tab.waitForFunction(() => document.title === 'signed in as Alice')
    } finally {
      serving.kill()
      await browser.close()
    }
  })

  it('lets nothing else be imported', async () => {
    for (const path of ['sallyport/dist/gateway.js', 'sallyport/package.json', 'sallyport/src/gateway.ts', 'sallyport/store'])
      await assert.rejects(
        project.node('--input-type=module', '-e', 'await import(process.argv[1])', path),
        /ERR_PACKAGE_PATH_NOT_EXPORTED/,
      )
  })

  it('says what to install where supertest is missing', async () => {
    const [here, away] = ['supertest', 'supertest-away'].map(name => join(project.folder, 'node_modules', name)) as [string, string]
    renameSync(here, away)
    try {
      await assert.rejects(project.node('serve.ts'), /npm install --save-dev supertest @types\/supertest/)
    } finally {
      renameSync(away, here)
    }
  })

  it('has a command', async () => {
    assert.match(await project.node('node_modules/sallyport/dist/cli/main.js', '--help'), /run the gateway/)
  })

  it('holds what is needed and nothing of our workshop', () => {
    const roots = new Set(project.packed.map(file => file.split('/')[0]))

    const expected = ['dist', 'config', 'docs', 'package.json', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'LICENSE']
    assert.deepEqual([...roots].toSorted(), expected.toSorted())
    assert.ok(project.packed.includes('config/openapi.yaml'))
  })

  it('has a client of less than 5 kB, as a server sends it', () => {
    const folder = join(project.folder, 'node_modules/sallyport/dist/client')
    const modules = readdirSync(folder).filter(file => file.endsWith('.js'))

    const bytes = modules.map(file => gzipSync(readFileSync(join(folder, file)), { level: 9 }).length)

    assert.ok(modules.length > 0)
    assert.ok(bytes.reduce((sum, size) => sum + size) < 5_000, `${bytes.join(' + ')} bytes`)
  })
})

describe('a production install', () => {
  it('has no supertest: it is an optional peer', () => {
    const lock = JSON.parse(readProjectFile('package-lock.json')) as { packages: Record<string, { readonly dev?: boolean }> }

    assert.equal(lock.packages['node_modules/supertest']?.dev, true)
  })
})

/** Types that had become `any` on the way would take it. */
function misuse(name: string, argument: string): string {
  return `// @ts-expect-error\n${name}(${argument})`
}

/** The TypeScript of a page. */
function examples(file: string): string[] {
  return [...readProjectFile(file).matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => code)
}
