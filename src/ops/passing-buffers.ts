import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Below this V8 lets a heap grow to less than twice what lives in it before it marks all of it, instead of four times. */
const smallHeapBytes = 1.1 * 2 ** 30

/**
 * Has V8 free the buffers of bodies that have passed through before they lead to collections of the whole heap.
 *
 * Every read from an upstream is a buffer of up to 64 KiB outside the heap. V8 begins to mark all that lives after 64 MiB
 * of them, and would collect the young objects alone, which is all that it takes, only after 128 MiB: so large bodies
 * cost a marking of every session and module some ten times a second. With this the young ones come first, after 32 MiB;
 * after 16 in a small heap, as a container's memory limit makes it, where the marking begins sooner.
 * docs/decisions/017 and 019.
 */
export function collectPassingBuffersYoung(): void {
  // Node 24. Later V8 has another rule for both, and complains of a flag that it does not know.
  if (!process.versions.v8.startsWith('13.')) return
  const isSmall = getHeapStatistics().heap_size_limit < smallHeapBytes
  setFlagsFromString(`--scavenger-max-new-space-capacity-mb=${isSmall ? 4 : 8}`)
}
