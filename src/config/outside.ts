import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { printable } from './mistakes.ts'

/** Larger than any bundle of certificates; small enough that a wrong path cannot fill the memory. */
const maxBytes = 1024 * 1024

/** What was read, or why it could not be. */
export type Outside<T> = { readonly value: T } | { readonly problem: string }

/** Where a value comes from that does not stand in the configuration itself. */
export interface Reference {
  readonly env?: unknown
  readonly file?: unknown
}

export interface OutsideDeps {
  readonly env: NodeJS.ProcessEnv
  /** Relative paths start here: the folder of the file in which the reference stands. */
  readonly baseDir: string
  /** Told the absolute path of a file before it is read, whatever becomes of that. */
  readonly onFile?: ((file: string) => void) | undefined
}

/** Reads the text of `{ env: NAME }` or `{ file: path }`, without the newline that editors leave at the end. */
export function readReference(reference: Reference, deps: OutsideDeps): Outside<string> {
  const { env, file } = reference
  if ((env === undefined) === (file === undefined)) return { problem: 'must have exactly one of env and file' }
  const name = env ?? file
  if (typeof name !== 'string' || name === '')
    return { problem: `must name ${env === undefined ? 'a path' : 'a variable'} in ${env === undefined ? 'file' : 'env'}` }

  const found = env === undefined ? readNamed(resolve(deps.baseDir, name), deps) : readVariable(name, deps.env)
  if ('problem' in found) return found
  const value = found.value.replace(/\r?\n$/, '')
  const source = env === undefined ? `the file ${printable(name)}` : `the environment variable ${printable(name)}`
  return value === '' ? { problem: `${source} is empty` } : { value }
}

function readNamed(path: string, { onFile }: OutsideDeps): Outside<string> {
  onFile?.(path)
  return readText(path)
}

/** Reads a file as UTF-8. */
export function readText(path: string): Outside<string> {
  const bytes = readBytes(path)
  if ('problem' in bytes) return bytes
  try {
    return { value: new TextDecoder('utf-8', { fatal: true }).decode(bytes.value) }
  } catch {
    return { problem: `the file ${printable(path)} is not UTF-8 text` }
  }
}

function readVariable(name: string, env: NodeJS.ProcessEnv): Outside<string> {
  const value = env[name]
  return value === undefined ? { problem: `the environment variable ${printable(name)} is not set` } : { value }
}

function readBytes(path: string): Outside<Buffer> {
  const shown = printable(path)
  try {
    // Asked before opening: to open a pipe would wait for somebody to write into it.
    if (!statSync(path).isFile()) return { problem: `${shown} is not a file` }
    const buffer = Buffer.allocUnsafe(maxBytes + 1)
    const descriptor = openSync(path, 'r')
    try {
      let length = 0
      for (let read = -1; read !== 0 && length <= maxBytes; length += read)
        read = readSync(descriptor, buffer, length, maxBytes + 1 - length, null)
      return length > maxBytes ? { problem: `the file ${shown} is larger than 1 MiB` } : { value: Buffer.from(buffer.subarray(0, length)) }
    } finally {
      closeSync(descriptor)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') return { problem: `the file ${shown} does not exist` }
    if (code === 'EACCES') return { problem: `the file ${shown} may not be read by this user` }
    return { problem: `the file ${shown} cannot be read (${code ?? 'unknown error'})` }
  }
}
