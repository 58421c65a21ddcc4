import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer } from 'vite'
import { parse } from 'yaml'
import { mergeOptions } from '../../src/config/merge.ts'
import { createConfigSchema } from '../../src/config/schema.ts'
import type { Running } from '../../src/demo/listening.ts'
import { eventually } from './eventually.ts'
import { findFreePort, isListening } from './free-port.ts'
import { readProjectFile } from './project-files.ts'
import { sampleOf } from './proxy-program.ts'

/** Where the parts of a sample are: the address in docs/development.md to the one of the test. */
export type Addresses = Readonly<Record<string, string>>

/** The code block under a heading of docs/development.md, with the addresses of the test, each of which it must name. */
export function developmentSample(heading: string, language: 'yaml' | 'js', addresses: Addresses): string {
  const sample = sampleOf(language, readProjectFile('docs/development.md'), heading)
  return Object.entries(addresses).reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`the sample of ${heading} does not name ${from}`)
    return text.replaceAll(from, to)
  }, sample)
}

/** The gateway's sample as operators use it: a second file over the demo's configuration. */
export function layOver(config: object, yaml: string): object {
  return mergeOptions(createConfigSchema(), config, parse(yaml)) as object
}

export interface ViteServer extends Running {
  /** Replaces a source file, as an editor does. */
  edit(file: string, text: string): Promise<void>
}

/** Starts Vite on a port of its own choice, for an application in a folder of its own. */
export async function startVite(files: Readonly<Record<string, string>>, config: string): Promise<ViteServer> {
  const root = await writeFolder({ ...files, 'vite.config.js': config })
  const server = await createServer({ root, configFile: join(root, 'vite.config.js'), logLevel: 'silent' })
  await server.listen()
  const { port } = new URL(server.resolvedUrls?.local[0] ?? '')
  return {
    origin: `http://localhost:${port}`,
    edit: (file, text) => writeFile(join(root, file), text),
    async close() {
      await server.close()
      await rm(root, { recursive: true, force: true })
    },
  }
}

/** Starts a program of the page that listens on a fixed port of the loopback, in a process of its own. */
export async function startProgram(file: string, textFor: (port: number) => string): Promise<Running> {
  const port = await findFreePort()
  const folder = await writeFolder({ [file]: textFor(port) })
  const child = spawn(process.execPath, [join(folder, file)], { env: {}, stdio: ['ignore', 'ignore', 'inherit'] })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  await eventually(() => {
    if (child.exitCode !== null) throw new Error(`${file} has ended`)
    return isListening(port)
  })
  return {
    origin: `http://127.0.0.1:${port}`,
    async close() {
      process.off('exit', killAtExit)
      await end(child)
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}

async function writeFolder(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-app-'))
  for (const [file, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), text)
  }
  return folder
}
