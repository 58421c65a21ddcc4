import { type BigIntStats, statSync } from 'node:fs'
import { stat } from 'node:fs/promises'

// Kubernetes itself takes up to a minute to bring a changed secret into the pod.
const lookEveryMs = 2_000

/** Paths, and what they led to when they were looked at. */
export type Sightings = ReadonlyMap<string, string>

export interface FileWatch {
  /** From now on these, and only these. */
  watch(files: Sightings): void
  close(): void
}

export interface FileWatchDeps {
  /** Called when files are not what they were, and have not changed again between two looks. */
  readonly onChange: () => void
  readonly every: (ms: number, run: () => void) => () => void
}

/**
 * Watches files by looking at them again and again: at what a path leads to, whoever swaps it. A mount of Kubernetes
 * is a chain of symbolic links, of which the one in the middle is replaced; watchers of the system see nothing of that,
 * or of a network's disk.
 */
export function createFileWatch({ onChange, every }: FileWatchDeps): FileWatch {
  let known: Sightings = new Map()
  let last = ''
  let isLooking = false

  async function look(): Promise<void> {
    if (isLooking) return
    isLooking = true
    const before = known
    const now = new Map(await Promise.all([...before.keys()].map(async file => [file, await sight(file)] as const)))
    isLooking = false
    if (before !== known) return
    const changed = [...now].filter(([file, sighting]) => sighting !== before.get(file)).join()
    // Half a file is not a secret: whoever writes it gets until the next look.
    const isSettled = changed === last
    last = changed
    if (changed === '' || !isSettled) return
    known = now
    onChange()
  }

  return {
    watch(files) {
      known = files
    },
    close: every(lookEveryMs, () => void look()),
  }
}

/** To be asked before the file is read: what changes after that is seen. */
export function sightNow(file: string): string {
  try {
    return describe(statSync(file, { bigint: true }))
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

/** When the file that a path leads to changed last, epoch ms; NaN when there is none. */
export function modifiedAt(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Number.NaN
}

async function sight(file: string): Promise<string> {
  try {
    return describe(await stat(file, { bigint: true }))
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
}

function describe({ dev, ino, mtimeNs, size }: BigIntStats): string {
  return [dev, ino, mtimeNs, size].join(' ')
}
