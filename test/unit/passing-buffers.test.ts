import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { describe, it } from 'node:test'

describe('buffers that pass through', () => {
  // Without it there are some four of the whole heap for each of the young; with it five to thirty the other way round.
  it('are freed by collections of the young objects, not of the whole heap', () => {
    const collections = countCollections()

    assert.ok(collections.young > collections.whole, JSON.stringify(collections))
  })
})

/** Counts what V8 collects while 1 GiB passes, in buffers as a socket makes them, beside a heap that lives. */
function countCollections(): { readonly young: number; readonly whole: number } {
  const source = `
    import { constants, PerformanceObserver } from 'node:perf_hooks'
    import { setImmediate } from 'node:timers/promises'
    import { collectPassingBuffersYoung } from ${JSON.stringify(new URL('../../src/ops/passing-buffers.ts', import.meta.url).href)}
    collectPassingBuffersYoung()
    const counts = { young: 0, whole: 0 }
    const count = list => {
      for (const { detail } of list.getEntries()) {
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) counts.young += 1
        if (detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR) counts.whole += 1
      }
    }
    const observer = new PerformanceObserver(count)
    observer.observe({ entryTypes: ['gc'] })
    const living = Array.from({ length: 100_000 }, (_, index) => ({ index }))
    for (let read = 0; read < 16_384; read += 1) {
      new ArrayBuffer(65_536)
      if (read % 64 === 0) await setImmediate()
    }
    count({ getEntries: () => observer.takeRecords() })
    console.log(JSON.stringify({ ...counts, living: living.length }))`
  return JSON.parse(execFileSync(process.execPath, ['--input-type=module', '--eval', source], { encoding: 'utf8', timeout: 50_000 }))
}
