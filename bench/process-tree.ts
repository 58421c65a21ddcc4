import { readdirSync, readFileSync } from 'node:fs'

// USER_HZ: what /proc counts in. 100 on every Linux that Node runs on.
const ticksPerSecond = 100

/** Seconds of CPU that a process and its descendants have used so far, user and system together. */
export function readCpuSeconds(pid: number): number {
  return readTree(pid).reduce((sum, one) => sum + one.ticks, 0) / ticksPerSecond
}

/** MiB that a process and its descendants have in memory. What they share counts once for each. */
export function readResidentMiB(pid: number): number {
  return readTree(pid).reduce((sum, one) => sum + readResidentKiB(one.pid), 0) / 1024
}

interface ProcessTime {
  readonly pid: number
  readonly parent: number
  readonly ticks: number
}

function readTree(pid: number): readonly ProcessTime[] {
  const all = readProcesses()
  const tree = [pid]
  for (const parent of tree) for (const one of all) if (one.parent === parent) tree.push(one.pid)
  return all.filter(one => tree.includes(one.pid))
}

function readProcesses(): readonly ProcessTime[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(name => {
      try {
        return [parseStat(Number(name), readFileSync(`/proc/${name}/stat`, 'latin1'))]
      } catch {
        // Ended while we looked.
        return []
      }
    })
}

/** proc(5): the name stands in brackets and may hold anything; after it come state, ppid, …, utime (14), stime (15). */
function parseStat(pid: number, stat: string): ProcessTime {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { pid, parent: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
}

function readResidentKiB(pid: number): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1])
}
