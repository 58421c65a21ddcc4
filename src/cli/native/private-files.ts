import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { CommandError, exitCode } from '../terminal.ts'

// Windows has no modes, owners or O_NOFOLLOW of this kind: there the profile folder's own access list does it.
const noFollow = constants.O_NOFOLLOW ?? 0
// A pipe is no file, and to open one would wait for its other end.
const noWait = constants.O_NONBLOCK ?? 0
const ownUser = process.getuid?.()

/** A file that others could read, own or replace. The sentence says what to do. */
class UnsafeFileError extends Error {
  override name = 'UnsafeFileError'
}

/**
 * Reads a file that only this user may read.
 *
 * @returns null when there is none
 * @throws {UnsafeFileError} when it is a link, belongs to somebody else, or others may read it
 */
export function readPrivate(file: string): string | null {
  let descriptor: number
  try {
    descriptor = openSync(file, constants.O_RDONLY | noFollow | noWait)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    if (code === 'ELOOP') throw new UnsafeFileError(`${file} is a link, and is not followed: remove it`)
    throw error
  }
  try {
    const found = fstatSync(descriptor)
    if (!found.isFile()) throw new UnsafeFileError(`${file} is not a file`)
    assertOurs(file, found)
    if (ownUser !== undefined && (found.mode & 0o077) !== 0)
      throw new UnsafeFileError(`others may read ${file}: chmod 600 it, or remove it`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Writes such a file whole or not at all: a crash, a full disk or a second writer leaves the old one or the new one.
 *
 * @throws what the system says, such as ENOSPC
 */
export function writePrivate(file: string, text: string): void {
  ensurePrivateFolder(dirname(file))
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  try {
    const descriptor = openSync(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
    try {
      writeFileSync(descriptor, text)
      // Before the rename: after a power cut the new name would else stand for an empty file.
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(draft, file)
  } catch (error) {
    rmSync(draft, { force: true })
    throw error
  }
}

/** Removes it. @returns whether there was one */
export function removePrivate(file: string): boolean {
  try {
    rmSync(file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

/** Makes sure that a folder is there, and is this user's alone. @throws {UnsafeFileError} for one that cannot be trusted */
export function ensurePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const found = lstatSync(folder)
  if (!found.isDirectory()) throw new UnsafeFileError(`${folder} is not a folder`)
  assertOurs(folder, found)
  if (ownUser !== undefined && (found.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

/** Why files under a folder cannot be used, as a sentence that says what to do. @throws the error itself, when it is no file's */
export function describeFileTrouble(folder: string, error: unknown): string {
  if (error instanceof UnsafeFileError) return error.message
  const { code } = error as NodeJS.ErrnoException
  if (code === undefined) throw error
  return `${folder} cannot be used: ${sentences[code] ?? code}`
}

/** Does work with files that must succeed. @throws {CommandError} 7 */
export function orNotStored<Result>(folder: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw new CommandError(describeFileTrouble(folder, error), exitCode.notStored)
  }
}

const sentences: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EFBIG: 'this user may write no more',
  EDQUOT: 'the quota of this user is used up',
  EROFS: 'the disk is read-only',
  EACCES: 'this user has no right to it',
  EPERM: 'this user has no right to it',
  ENOTDIR: 'there is a file in its place, or in that of a folder above it',
  EEXIST: 'there is a file in its place',
  EISDIR: 'there is a folder in its place',
}

function assertOurs(path: string, found: Stats): void {
  if (ownUser !== undefined && found.uid !== ownUser) throw new UnsafeFileError(`${path} belongs to another user: remove it`)
}
