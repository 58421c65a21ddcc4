import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot, readProjectFile } from './project-files.ts'

const run = promisify(execFile)

// npm may have to fetch what its cache does not hold; without a network it fails sooner than this.
const patienceMs = 150_000

/** Somebody's project in which the package is installed, as it would come from a registry. */
export interface EmptyProject {
  readonly folder: string
  /** The package's files, as paths in it. */
  readonly packed: readonly string[]
  write(file: string, text: string): void
  /** Runs Node in the project. @returns what it printed. @throws with what it printed when it fails */
  node(...args: readonly string[]): Promise<string>
  /** Checks the types of the project, or builds it. @throws with the compiler's complaints */
  tsc(...args: readonly string[]): Promise<string>
  remove(): void
}

/**
 * Packs the project with `npm pack`, which builds it first, and installs that into a new folder beside what the pages tell
 * people to install. All of it happens in copies: `dist/` here may be in use.
 */
export async function createEmptyProject(): Promise<EmptyProject> {
  const root = mkdtempSync(join(tmpdir(), 'sallyport-package-'))
  const [source, folder] = [join(root, 'source'), join(root, 'project')]
  for (const one of [source, folder]) mkdirSync(one)
  const { files, devDependencies } = JSON.parse(readProjectFile('package.json')) as Manifest
  const kept = files.filter(file => file !== 'dist' && !file.startsWith('!'))
  for (const file of ['package.json', 'tsconfig.json', 'tsconfig.client.json', 'src', 'tools', ...kept]) copy(file, source)
  symlinkSync(join(projectRoot, 'node_modules'), join(source, 'node_modules'))

  const packed = await npm(source, 'pack', '--json', '--pack-destination', root)
  const [{ filename, files: contents }] = JSON.parse(packed.slice(packed.indexOf('[\n'))) as [Packed]
  writeFileSync(join(folder, 'package.json'), '{ "name": "somebody", "private": true, "type": "module" }')
  const tools = ['supertest', '@types/supertest', '@types/express', '@types/node', 'typescript']
  const wanted = tools.map(name => `${name}@${devDependencies[name]}`)
  await npm(folder, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts', join(root, filename), ...wanted)

  const execute = async (program: string, args: readonly string[]) => {
    const { stdout } = await run(program, args, { cwd: folder, env: plainEnv(), timeout: patienceMs }).catch(tell)
    return stdout
  }
  return {
    folder,
    packed: contents.map(({ path }) => path),
    write(file, text) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), text)
    },
    node: (...args) => execute(process.execPath, args),
    tsc: (...args) => execute(process.execPath, [join(folder, 'node_modules/typescript', typescriptProgram(folder)), ...args]),
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}

interface Manifest {
  readonly files: readonly string[]
  readonly devDependencies: Readonly<Record<string, string>>
}

interface Packed {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

function copy(file: string, to: string): void {
  cpSync(join(projectRoot, file), join(to, file), { recursive: true, filter: path => !path.includes('node_modules') })
}

async function npm(cwd: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await run('npm', args, { cwd, env: plainEnv(), timeout: patienceMs }).catch(tell)
  return stdout
}

/** What npm says of this project to its scripts would be taken for settings of the other. */
function plainEnv(): NodeJS.ProcessEnv {
  const ofScripts = /^npm_(package|lifecycle|command|execpath|node_execpath|config_local_prefix)|^INIT_CWD$|^NODE_(OPTIONS|TEST_CONTEXT)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofScripts.test(name)))
}

function typescriptProgram(folder: string): string {
  const { bin } = JSON.parse(readFileSync(join(folder, 'node_modules/typescript/package.json'), 'utf8')) as { bin: { tsc: string } }
  return bin.tsc
}

function tell(error: Error & { readonly stdout?: string; readonly stderr?: string }): never {
  throw new Error([error.message, error.stdout, error.stderr].join('\n'), { cause: error })
}
