import assert from 'node:assert/strict'
import type { MemoryUse } from './memory-witness.ts'

/** How much more than before may be there, in MiB. */
export interface GrowthBounds {
  readonly heapMiB: number
  readonly rssMiB: number
}

const bytesOf = (mib: number) => mib * 1024 * 1024

/** Fails where a process holds more than it may, and tells the numbers in any case, for the record. */
export function assertFlat(what: string, before: MemoryUse, after: MemoryUse, bounds: GrowthBounds): void {
  // Buffers outside the heap are held by objects in it: a leak of either is one.
  const held = ({ heapBytes, externalBytes }: MemoryUse) => heapBytes + externalBytes
  tell(what, `${describeMemory(before)} -> ${describeMemory(after)}`)
  const heap = held(after) - held(before)
  const rss = after.rssBytes - before.rssBytes
  assert.ok(heap <= bytesOf(bounds.heapMiB), `${what}: heap and buffers grew by ${mib(heap)} MiB`)
  assert.ok(rss <= bytesOf(bounds.rssMiB), `${what}: the process grew by ${mib(rss)} MiB`)
}

export function describeMemory({ rssBytes, heapBytes, externalBytes, handles }: MemoryUse): string {
  return `rss ${mib(rssBytes)} MiB, heap ${mib(heapBytes)} MiB, external ${mib(externalBytes)} MiB, ${handles} handles`
}

/** A line for who waits for a long test. */
export function tell(what: string, text: string): void {
  process.stderr.write(`${what}: ${text}\n`)
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(1)
}
