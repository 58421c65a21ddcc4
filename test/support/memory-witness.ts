/**
 * Loaded before a program that is started with `--expose-gc` and an IPC channel: tells who asks there how much memory
 * the process uses. `settle` collects garbage first, so that what is left is what something holds.
 */

/** What the process says of itself. */
export interface MemoryUse {
  /** All of it, as the system counts. Allocators give back late, so it says less than the heap. */
  readonly rssBytes: number
  /** Objects of JavaScript. */
  readonly heapBytes: number
  /** What those objects hold outside the heap: buffers. */
  readonly externalBytes: number
  /** Sockets, servers, timers. */
  readonly handles: number
}

process.on('message', (question: 'look' | 'settle') => {
  void answer(question)
})
// The program ends when its own work does.
process.channel?.unref()

async function answer(question: 'look' | 'settle'): Promise<void> {
  // What finalizers let go of is garbage at the next collection only.
  for (let pass = 0; question === 'settle' && pass < 4; pass += 1) {
    globalThis.gc?.()
    await new Promise(resolve => setImmediate(resolve))
  }
  const { rss, heapUsed, external } = process.memoryUsage()
  const use: MemoryUse = { rssBytes: rss, heapBytes: heapUsed, externalBytes: external, handles: process.getActiveResourcesInfo().length }
  process.send?.(use)
}
