import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { makeSecrets, writeSecrets } from '../../src/demo/development-secrets.ts'
import { execForm, inImage } from '../support/dockerfile.ts'
import { type DocumentedCommands, documentedCommands, documentedOutput, namedCommands } from '../support/documented-commands.ts'
import { eventually } from '../support/eventually.ts'
import { projectRoot, readProjectFile } from '../support/project-files.ts'

// Every command of these pages is run, in the order of the pages, in a copy of the project.
const pages = ['README.md', 'docs/operations.md']

let folder: string
let env: NodeJS.ProcessEnv
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-commands-'))
  for (const name of readdirSync(projectRoot)) {
    if (['.git', '.dev', 'dist', 'build', 'node_modules', 'test'].includes(name)) continue
    cpSync(join(projectRoot, name), join(folder, name), { recursive: true })
  }
  for (const name of ['node_modules', 'test']) symlinkSync(join(projectRoot, name), join(folder, name))
  const bin = join(folder, '.bin')
  mkdirSync(bin)
  const program = (name: string, script: string) => writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const kubectl = execFileSync('sh', ['-c', 'command -v kubectl'], { encoding: 'utf8' }).trim()
  const cluster = join(folder, '.cluster.json')
  // The app of the sidecar has its namespace already.
  writeFileSync(cluster, JSON.stringify([{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }]))
  program('sallyport', `exec node '${join(projectRoot, 'src/cli/main.ts')}' "$@"`)
  program('kubectl', `KUBECTL='${kubectl}' CLUSTER='${cluster}' exec node '${join(projectRoot, 'test/support/cluster-stand-in.ts')}' "$@"`)
  program('docker', `printf '%s\\n' "$@" > '${join(folder, '.docker-arguments')}'`)
  const secrets = { CLIENT_SECRET: 's'.repeat(20), REDIS_URL: 'redis://127.0.0.1:6379' }
  const path = [bin, join(projectRoot, 'node_modules/.bin'), process.env.PATH].join(delimiter)
  env = { PATH: path, HOME: folder, TMPDIR: process.env.TMPDIR, SPANS_FILE: join(folder, '.spans'), ...secrets }
})
after(() => rmSync(folder, { recursive: true, force: true }))

interface Ran {
  readonly code: number | null
  readonly out: string
}

function start(script: string): { readonly child: ChildProcess; readonly said: () => string } {
  // A group of its own, so that all that it started ends with it.
  const child = spawn('sh', ['-eu', '-c', script], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
  }
  return { child, said: () => said }
}

/** Runs a block as a reader does who pastes it. */
async function run(script: string): Promise<Ran> {
  const { child, said } = start(script)
  const code = await new Promise<number | null>(resolve => child.once('close', resolve))
  return { code, out: said() }
}

/** Runs it until it has said something, and ends it as Ctrl-C would. */
async function runUntil(script: string, isSaid: (said: string) => boolean): Promise<Ran> {
  const { child, said } = start(script)
  const closed = new Promise<number | null>(resolve => child.once('close', resolve))
  try {
    await eventually(() => isSaid(said()) || child.exitCode !== null, 60_000)
  } finally {
    process.kill(-(child.pid ?? 0), 'SIGINT')
  }
  return { code: await closed, out: said() }
}

async function succeeds(script: string): Promise<string> {
  const { code, out } = await run(script)
  assert.equal(code, 0, out)
  return out
}

const isListening = (said: string) => /"event":"listening"/.test(said)

/** How a block is run, or what is run in its place and why, by its first line. */
const commands: Readonly<Record<string, (block: DocumentedCommands) => Promise<unknown>>> = {
  // `npm ci` has run wherever a test runs: .ci/run begins with it. The rest is run.
  'npm ci && npm run demo': async () => {
    const { out } = await runUntil('exec npm run demo --silent', said => /What follows is the gateway's audit/.test(said))
    const [shown = ''] = documentedOutput('README.md')
    assert.deepEqual(
      withoutChance(out).filter(line => !line.startsWith('{')),
      withoutChance(shown),
    )
  },
  // A test cannot run all tests. CI does, by these very words.
  'npm ci && npm test': async ({ text }) => assert.ok(readProjectFile('.ci/run').split('\n').includes(text)),
  'npm ci': async ({ text }) => {
    writeSecrets(makeSecrets(), join(folder, '.dev'))
    writeFileSync(join(folder, '.port.yaml'), 'listen: { port: 0 }\nlog: { level: info }\n')
    const script = text.replace('npm ci\n', '').replace('npm start', 'exec npm start --silent')
    const { out } = await runUntil(`${script} --config .port.yaml`, isListening)
    assert.ok(isListening(out), out)
  },
  // Needs an engine and a registry. Here: what it says where there is none. What it builds, test/image makes and tries.
  'npm run image': async () => {
    const tools = join(folder, '.tools')
    mkdirSync(tools)
    for (const tool of ['sh', 'sed', 'git', 'dirname', 'node', 'env']) {
      symlinkSync(execFileSync('sh', ['-c', `command -v ${tool}`], { env, encoding: 'utf8' }).trim(), join(tools, tool))
    }
    const script = readFileSync(join(projectRoot, 'package.json'), 'utf8')
    const [, command = ''] = /"image": "(.*)"/.exec(script) ?? []
    const { code, out } = await run(`PATH='${tools}' ${command}`)
    assert.deepEqual([code, /needs one of: docker with a running engine, podman, buildah/.test(out)], [2, true], out)
  },
  // Likewise. Its options are those with which scripts/image.sh tries the image, and its mounts are where the image looks.
  'docker run --read-only --cap-drop ALL --security-opt no-new-privileges -p 8080:8080 \\': async ({ text }) => {
    await succeeds(text)
    const args = readFileSync(join(folder, '.docker-arguments'), 'utf8').trim().split('\n')
    const script = readProjectFile('scripts/image.sh')
    for (const option of ['--read-only', '--cap-drop ALL', '--security-opt no-new-privileges']) {
      assert.ok(args.join(' ').includes(option) && script.includes(option), option)
    }
    assert.equal(args.at(-1), `sallyport:${(JSON.parse(readProjectFile('package.json')) as { version: string }).version}`)
    const [configured] = inImage('ENV').flatMap(line => /SALLYPORT_CONFIG=(\S+)\/gateway\.yaml/.exec(line)?.slice(1) ?? [])
    assert.ok(args.includes(`${folder}/config:${configured}:ro`))
    assert.match(readProjectFile('k8s/base/gateway.yaml'), /\/run\/secrets\/sallyport\//)
    assert.ok(args.includes(`${folder}/secrets:/run/secrets/sallyport:ro`))
    assert.ok(inImage('EXPOSE').join(' ').includes('8080'))
    assert.deepEqual(execForm(inImage('CMD')[0] ?? ''), ['serve'])
  },
  'mkdir -m 700 secrets': async ({ text }) => {
    await succeeds(text)
    assert.deepEqual(readdirSync(join(folder, 'secrets')).sort(), ['client-secret', 'cookie-key', 'redis-url', 'sealing-key'])
  },
  'mkdir check': async ({ text }) => assert.match(await succeeds(text), /routes/),
  // There is no cluster: what stands for it (test/support/cluster-stand-in.ts) keeps order and names, the real kubectl does the rest.
  'kubectl apply -f k8s/overlays/standalone/namespace.yaml': async ({ text }) =>
    assert.match(await succeeds(text), /"sallyport" successfully rolled out/),
  'kubectl --namespace shop create secret generic sallyport-secrets --from-file=secrets': async ({ text }) =>
    assert.match(await succeeds(text), /"sallyport-web" successfully rolled out/),
  'kubectl kustomize k8s/samples/httproute       # any implementation of the Gateway API': async ({ text }) => {
    const out = await succeeds(text)
    for (const kind of ['HTTPRoute', 'Ingress', 'Middleware', 'SecurityPolicy', 'Deployment'])
      assert.match(out, new RegExp(`^kind: ${kind}$`, 'm'))
  },
  "printf 'components: [../../components/monitoring]\\n' >> k8s/overlays/standalone/kustomization.yaml": async ({ text }) =>
    assert.match(
      await succeeds(text),
      /servicemonitor\/\S+ configured[\s\S]*prometheusrule|prometheusrule\/\S+ configured[\s\S]*servicemonitor/,
    ),
  // The SDK of an operator's own is not installed here: that of test/lifecycle/tracing.test.ts, which has its spans.
  "NODE_OPTIONS='--import @opentelemetry/auto-instrumentations-node/register' OTEL_SERVICE_NAME=sallyport node dist/cli/main.js serve --config …":
    async ({ text }) => {
      const script = text
        .replace('@opentelemetry/auto-instrumentations-node/register', './test/support/tracing-sdk.ts')
        .replace('node dist', 'exec node dist')
        .replace('…', 'config/gateway.dev.yaml --config .port.yaml')
      const { out } = await runUntil(script, isListening)
      assert.ok(isListening(out), out)
    },
}

/** Ports and passwords are others each time. */
function withoutChance(text: string): readonly string[] {
  return text
    .trim()
    .split('\n')
    .map(line =>
      line
        .trimEnd()
        .replace(/:\d{4,5}\b/g, ':port')
        .replace(/\b[a-z0-9]{4}(-[a-z0-9]{4}){2}\b/g, 'password'),
    )
}

describe('a command that the documentation shows', () => {
  const shown = pages.flatMap(documentedCommands)
  const firstLine = ({ text }: DocumentedCommands) => text.split('\n')[0] ?? ''

  it('is in the table of this file, and none is there that is shown no more', () => {
    const known = Object.keys(commands)
    const places = shown.filter(block => !known.includes(firstLine(block))).map(({ place }) => place)
    assert.deepEqual(places, [], `say in test/commands/documented.test.ts how these are run: ${places.join(', ')}`)
    assert.deepEqual(
      known.filter(line => !shown.some(block => firstLine(block) === line)),
      [],
      'shown no more: take them out of test/commands/documented.test.ts',
    )
  })

  for (const block of shown) {
    it(`does what it is shown for: ${block.place} ${firstLine(block)}`, async () => {
      const runIt = commands[firstLine(block)]
      assert.ok(runIt, `${block.place} is not in the table`)
      await runIt(block)
    })
  }

  for (const { place, text } of pages.flatMap(page => namedCommands(page, 'sallyport'))) {
    it(`is one of the command line's: ${place} ${text}`, async () => {
      const words = text.split(' ').filter(word => /^[a-z]/.test(word))
      const [name = '', ...rest] = words.slice(1)
      assert.match(await succeeds(`sallyport ${name} --help`), new RegExp(`sallyport ${[name, ...rest].join(' ')}`))
    })
  }

  for (const { place, text } of pages.flatMap(page => namedCommands(page, 'npm run'))) {
    it(`is one of the project's: ${place} ${text}`, () => {
      const { scripts } = JSON.parse(readProjectFile('package.json')) as { scripts: Record<string, string> }
      assert.ok(Object.hasOwn(scripts, text.split(' ')[2] ?? ''))
    })
  }
})
