import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { ensurePrivateFolder, readPrivate, writePrivate } from './private-files.ts'

/** What the holder of the lock says of itself, so that others can judge it and help its person. */
export interface LockNote {
  readonly pid: number
  /** When the process began, as the system counts it; null where it does not tell. Process ids are used again. */
  readonly started: string | null
  /** Of this turn at the lock. */
  readonly id: string
  /** After this it is given up, by this machine's clock; epoch milliseconds. */
  readonly until: number
  /** Lines that tell where to sign in; empty before there is anything to tell. */
  readonly say: string
}

export interface LoginLock {
  /** Tells those who wait what this sign-in asks its person to do. */
  tell(say: string): void
  release(): void
}

export interface LockDeps {
  readonly now: () => number
  readonly processStart: (pid: number) => string | null
  readonly isAlive: (pid: number) => boolean
}

export const systemLockDeps: LockDeps = { now: Date.now, processStart, isAlive }

/**
 * Takes the lock of a sign-in, one per gateway and profile: a second one beside it would open a second tab. The lock of
 * a process that is gone, or of one that has had its time, is taken from it.
 *
 * @returns the lock, or the note of who has it
 */
export function takeLock(file: string, lifeMs: number, deps: LockDeps): LoginLock | LockNote {
  const note = {
    pid: process.pid,
    started: deps.processStart(process.pid),
    id: randomBytes(16).toString('hex'),
    until: deps.now() + lifeMs,
  }
  const write = (say: string) => JSON.stringify({ ...note, say })
  ensurePrivateFolder(dirname(file))
  for (;;) {
    if (create(file, write(''))) {
      return {
        tell(say) {
          if (readNote(file)?.id === note.id) writePrivate(file, write(say))
        },
        release() {
          if (readNote(file)?.id === note.id) rmSync(file, { force: true })
        },
      }
    }
    const holder = readNote(file)
    if (holder !== null && isHeld(holder, deps)) return holder
    remove(file, holder)
  }
}

/** Whether a note is of a sign-in that goes on. */
export function isHeld(note: LockNote, deps: LockDeps): boolean {
  return deps.now() < note.until && deps.isAlive(note.pid) && deps.processStart(note.pid) === note.started
}

/** Who has the lock; null when nobody has, or the file is not one of ours. */
function readNote(file: string): LockNote | null {
  try {
    const { pid, started, id, until, say } = JSON.parse(readPrivate(file) ?? '') as Partial<LockNote>
    if (typeof pid !== 'number' || typeof id !== 'string' || typeof until !== 'number' || typeof say !== 'string') return null
    return { pid, started: started ?? null, id, until, say }
  } catch {
    return null
  }
}

/** By a link, which shows a whole file or none, and fails where there is one. */
function create(file: string, text: string): boolean {
  const draft = `${file}.${randomBytes(6).toString('hex')}`
  writePrivate(draft, text)
  try {
    linkSync(draft, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(draft, { force: true })
  }
}

/** Takes a dead lock away, and not the living one that another process has put in its place meanwhile. */
function remove(file: string, dead: LockNote | null): void {
  const aside = `${file}.${randomBytes(6).toString('hex')}`
  try {
    renameSync(file, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  try {
    if (readNote(aside)?.id !== dead?.id) linkSync(aside, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, as somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** Field 22 of /proc/pid/stat (proc(5)): Linux alone tells without starting a program. */
function processStart(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}
