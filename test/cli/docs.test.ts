import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { exitCode } from '../../src/cli/terminal.ts'
import { usageOf } from '../../src/cli/usage.ts'
import { readProjectFile } from '../support/project-files.ts'

const page = readProjectFile('docs/cli.md')

describe('docs/cli.md', () => {
  const commands = [...page.matchAll(/^sallyport (.+?)(?: {2,}#.*)?$/gm)].map(([, line = '']) => line.split(' -- ')[0] ?? '')

  it('calls commands that exist, with options that they have', () => {
    const overview = usageOf('')

    for (const line of commands) {
      const words = line.split(' ')
      const name = words[0] === 'sessions' ? words.slice(0, 2).join(' ') : (words[0] ?? '')
      const usage = usageOf(name)
      assert.notEqual(usage, overview, line)
      // Those of curl itself follow the path.
      const ours = name === 'curl' ? line.replace(/ \/.*/, '') : line
      for (const [option] of ours.matchAll(/--[a-z-]+/g)) assert.ok(usage.includes(option), `${name} has no ${option}`)
    }
    assert.ok(commands.length > 10)
  })

  it('shows every command of a client', () => {
    for (const name of ['login', 'logout', 'status', 'token', 'curl', 'run', 'sessions ls', 'sessions revoke'])
      assert.ok(
        commands.some(line => line.startsWith(name)),
        name,
      )
    assert.match(page, /args: \[exec-credential, /)
  })

  it('has every exit code, and no other', () => {
    const [, section = ''] = /\n## Exit codes\n(.*?)\n## /s.exec(page) ?? []

    assert.deepEqual(
      [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code)),
      Object.values(exitCode),
    )
  })
})
