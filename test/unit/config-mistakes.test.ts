import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError, describeMistake } from '../../src/config/mistakes.ts'
import { badAdmin } from '../data/config/bad-admin.ts'
import { badAssertions } from '../data/config/bad-assertions.ts'
import { badClientAuth } from '../data/config/bad-client-auth.ts'
import { type BadConfig, badConfigs, plainSecret } from '../data/config/bad-configs.ts'
import { badForwardAuth } from '../data/config/bad-forward-auth.ts'
import { badNative } from '../data/config/bad-native.ts'
import { badRules } from '../data/config/bad-rules.ts'
import { base, makeEnv } from '../data/config/base.ts'
import { makeClientKeys } from '../data/config/client-keys.ts'

describe('a bad configuration', () => {
  let folder = ''
  const env = { ...makeEnv(), ...makeClientKeys() }
  // A key of several lines must not be quoted in part either.
  const secrets = [plainSecret, ...Object.values(env).flatMap(value => value.split('\n'))].filter(
    line => line.length > 6 && !line.startsWith('-----'),
  )

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'sallyport-config-'))
  })

  after(() => {
    rmSync(folder, { recursive: true })
  })

  function load(text: string): ConfigError | null {
    const file = join(folder, 'gateway.yaml')
    writeFileSync(file, text)
    try {
      loadConfig([file], env)
      return null
    } catch (error) {
      assert.ok(error instanceof ConfigError, String(error))
      return error
    }
  }

  it('is not the one that all cases start from', () => {
    assert.equal(load(base)?.message, undefined)
  })

  const cases = [...badConfigs, ...badRules, ...badClientAuth, ...badAdmin, ...badAssertions, ...badForwardAuth, ...badNative]
  assert.ok(cases.length >= 50)
  for (const wrong of cases) {
    it(`OPS-01 is refused with its line and what to do: ${wrong.because}`, () => {
      const text = apply(wrong)

      const error = load(text)

      assert.ok(error !== null, 'accepted')
      const told = error.mistakes.map(mistake => describeMistake({ path: mistake.path, message: mistake.message }))
      assert.equal(told.length, wrong.says.length, told.join('\n'))
      for (const [i, says] of wrong.says.entries()) assert.match(told[i] ?? '', says)
      const lines = new Set(error.mistakes.map(mistake => mistake.line))
      const marked = linesOf(text)
      if (marked.length > 0) assert.deepEqual([...lines], marked)
      for (const secret of secrets) assert.ok(!error.message.includes(secret), 'a secret is repeated')
    })
  }

  it('OPS-01 is told about all its mistakes in one run, in the order of the file', () => {
    const several = [
      'a misspelt section',
      'a bare number for a duration',
      'META-03 an http issuer',
      'a domain with a wildcard',
      'HDR-01 Authorization by hand',
    ]
    const chosen = several.map(because => cases.find(wrong => wrong.because === because) ?? assert.fail(because))

    const error = load(chosen.reduce((text, wrong) => apply(wrong, text), base))

    assert.deepEqual(
      error?.mistakes.map(({ path }) => path.at(-1)),
      ['issuer', 0, 'idleTimeout', 'authorization', 'lisen'],
    )
    const lines = error?.mistakes.map(({ line }) => line ?? 0) ?? []
    assert.deepEqual(
      lines,
      lines.toSorted((a, b) => a - b),
    )
  })
})

function apply(wrong: BadConfig, text = base): string {
  return wrong.change.reduce((changed, [from, to]) => {
    assert.ok(changed.includes(from), `nothing to replace: ${from}`)
    return changed.replace(from, () => to)
  }, text)
}

function linesOf(text: string): number[] {
  return text.split('\n').flatMap((line, i) => (line.endsWith('#!') ? [i + 1] : []))
}
