// With --json a command that was called wrongly said nothing on stdout, nor did `sessions ls`, nor what failed for a
// reason that nobody had thought of.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { withJsonErrors } from '../../src/cli/native/json-answer.ts'
import { createHome } from '../support/command-line.ts'

const nowhere = ['--gateway', 'https://app.example.test']

describe('a command that fails, with --json', () => {
  const calls = [
    ['an option that there is not', ['login', '--json', '--bogus'], 'usage', 2],
    ['an argument that there is not', ['status', 'extra', '--json'], 'usage', 2],
    ['a value that is none', ['login', '--json', '--port', '1'], 'usage', 2],
    ['no gateway', ['sessions', 'ls', '--json'], 'usage', 2],
    ['no sign-in', ['sessions', 'ls', '--json', ...nowhere], 'login_required', 4],
    ['an option of administrators', ['sessions', 'ls', '--json', '--sub', 'alice'], 'usage', 2],
  ] as const
  for (const [what, args, word, code] of calls) {
    it(`says so in JSON: ${what}`, async t => {
      const ran = await createHome(t).run(args)

      const { message, ...rest } = JSON.parse(ran.out)
      assert.deepEqual([ran.code, rest], [code, { error: word, exit_code: code }])
      assert.equal(ran.err, `sallyport: ${message}\n`)
    })
  }

  it('says so in JSON: what nobody has thought of', async () => {
    const printed: string[] = []
    const terminal = { env: {}, print: (text: string) => void printed.push(text), remark: () => {}, strong: (text: string) => text }

    const work = withJsonErrors(['--json'], terminal, () => Promise.reject(new TypeError('a mistake of ours')))

    await assert.rejects(work, TypeError)
    assert.deepEqual(JSON.parse(printed.join()), { error: 'failed', message: 'a mistake of ours', exit_code: 1 })
  })

  it('says nothing of the kind without --json', async t => {
    const home = createHome(t)

    assert.equal((await home.run(['login', '--bogus'])).out, '')
  })
})
