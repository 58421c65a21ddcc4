import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { createFileWatch, sightNow } from '../../src/config/watch-files.ts'
import { eventually } from '../support/eventually.ts'

const folder = mkdtempSync(join(tmpdir(), 'sallyport-watch-'))
after(() => rmSync(folder, { recursive: true }))

/** A watch whose looks a test decides on. */
function watchOf(...files: readonly string[]) {
  let changes = 0
  let run = () => {}
  const watch = createFileWatch({
    onChange: () => {
      changes += 1
    },
    every: (_ms, look) => {
      run = look
      return () => {
        run = () => {}
      }
    },
  })
  watch.watch(new Map(files.map(file => [file, sightNow(file)])))
  async function look(): Promise<void> {
    run()
    // Files are asked for in the background; nothing tells when that is done.
    for (let turn = 0; turn < 20; turn += 1) await setImmediate()
  }
  return {
    watch,
    look,
    changes: () => changes,
    /** Looks until so many changes have been told. */
    looked: (count: number) =>
      eventually(async () => {
        await look()
        return changes === count
      }),
  }
}

describe('the watch of files', () => {
  it('tells of a change once, when the file has rested', async () => {
    const file = join(folder, 'one')
    writeFileSync(file, 'a')
    const { look, looked, changes } = watchOf(file)
    await look()
    assert.equal(changes(), 0)

    writeFileSync(file, 'ab')
    await look()
    writeFileSync(file, 'abc')
    await look()
    assert.equal(changes(), 0, 'it is still being written')
    await looked(1)
    await look()
    await look()

    assert.equal(changes(), 1)
  })

  it('sees what is swapped behind links, what goes, and what comes', async () => {
    for (const name of ['..1', '..2']) mkdirSync(join(folder, name))
    for (const name of ['..1', '..2']) writeFileSync(join(folder, name, 'key'), 'same length')
    symlinkSync('..1', join(folder, '..data'))
    symlinkSync(join('..data', 'key'), join(folder, 'key'))
    const missing = join(folder, 'missing')
    const { looked } = watchOf(join(folder, 'key'), missing)

    symlinkSync('..2', join(folder, '..new'))
    renameSync(join(folder, '..new'), join(folder, '..data'))
    await looked(1)
    writeFileSync(missing, 'here')
    await looked(2)
    rmSync(missing)
    await looked(3)
  })

  it('forgets what it watches no more', async () => {
    const file = join(folder, 'two')
    writeFileSync(file, 'a')
    const { watch, look, changes } = watchOf(file)
    watch.watch(new Map())

    writeFileSync(file, 'changed')
    await look()
    await look()

    assert.equal(changes(), 0)
  })
})
