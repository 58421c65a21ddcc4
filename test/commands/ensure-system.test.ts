import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { projectRoot } from '../support/project-files.ts'

describe('what looks for the programs of the tests', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-ensure-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  function lookWith(kubectl: string) {
    writeFileSync(join(folder, 'kubectl'), `#!/bin/sh\n${kubectl}\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: [folder, process.env.PATH].join(delimiter) }
    const { status, stderr } = spawnSync(process.execPath, [join(projectRoot, 'tools/ensure-system.ts')], { env, encoding: 'utf8' })
    return { status, stderr }
  }

  it('takes a kubectl that is new enough, and of one that is not it says what to do', () => {
    const version = (minor: string) => `echo '{"clientVersion":{"major":"1","minor":"${minor}"}}'`

    assert.deepEqual(lookWith(version('27+')), { status: 0, stderr: '' })
    const { status, stderr } = lookWith(version('20+'))
    assert.equal(status, 2)
    assert.match(stderr, /kubectl that is installed is 1\.20; the tests need 1\.27 or newer[\s\S]*first on your PATH/)
  })

  it('does not take another program for it', () => {
    const { status, stderr } = lookWith('exit 1')

    assert.deepEqual([status, /is it the program of Kubernetes/.test(stderr)], [2, true])
  })
})
