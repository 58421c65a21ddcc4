import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { createLinuxKeychain } from '../../src/cli/native/keychain-linux.ts'
import { createMacKeychain } from '../../src/cli/native/keychain-macos.ts'
import { createWindowsKeychain } from '../../src/cli/native/keychain-windows.ts'
import type { CallProgram, ProgramResult } from '../../src/cli/native/secret-place.ts'

const account = '0123456789abcdef'
const secret = 'eyJoYW5kbGUiOiJzcHRfYWJjIn0='
const done: ProgramResult = { code: 0, problem: null, out: '', err: '' }

interface Call {
  readonly program: string
  readonly args: readonly string[]
  readonly input: string
}

/** Answers as a program would; keeps what it was called with. */
function record(answer: (call: Call) => Partial<ProgramResult>) {
  const calls: Call[] = []
  const call: CallProgram = async (program, args, input) => {
    calls.push({ program, args, input })
    return { ...done, ...answer({ program, args, input }) }
  }
  return { calls, call }
}

describe("macOS's keychain", () => {
  /** As `security` behaves: commands as arguments, or with -i on stdin, one a line, words in double quotes. */
  function createSecurity() {
    const items = new Map<string, string>()
    return record(({ args, input }) => {
      const words = args[0] === '-i' ? [...input.trim().matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '') : args
      const after = (flag: string) => words[words.indexOf(flag) + 1] ?? ''
      const name = `${after('-s')}/${after('-a')}`
      if (words[0] === 'add-generic-password') items.set(name, after('-w'))
      else if (!items.has(name))
        return { code: 44, err: 'security: SecKeychainSearchCopyNext: The specified item could not be found in the keychain.' }
      if (words[0] === 'delete-generic-password') items.delete(name)
      return { out: words[0] === 'find-generic-password' ? `${items.get(name)}\n` : '' }
    })
  }

  it('keeps, finds and removes', async () => {
    const { call } = createSecurity()
    const keychain = createMacKeychain(call)

    assert.equal(await keychain.load(account), null)
    await keychain.save(account, secret)
    assert.equal(await keychain.load(account), secret)
    assert.deepEqual([await keychain.remove(account), await keychain.remove(account)], [true, false])
  })

  it('NHI-02 gets the secret over stdin, in no argument', async () => {
    const { calls, call } = createSecurity()

    await createMacKeychain(call).save(account, secret)

    assert.equal(calls[0]?.program, '/usr/bin/security')
    assert.ok(calls.every(({ args }) => !args.join(' ').includes(secret)))
    assert.ok(calls[0]?.input.includes(`-w "${secret}"`))
  })

  const troubles = [
    ['locked, as over SSH', { code: 36 }, 'locked', /security unlock-keychain/],
    ['refused by the person', { code: 128 }, 'locked', /security unlock-keychain/],
    ['not there', { code: null, problem: 'ENOENT' }, 'absent', /no \/usr\/bin\/security/],
    ['broken', { code: 1 }, 'other', /security ended with 1/],
  ] as const
  for (const [what, answer, obstacle, message] of troubles) {
    it(`says that it is ${what}`, async () => {
      const keychain = createMacKeychain(record(() => answer).call)

      for (const work of [keychain.load(account), keychain.save(account, secret), keychain.remove(account)])
        await assert.rejects(work, { name: 'StoreTrouble', obstacle, message })
    })
  }
})

describe('the Secret Service', () => {
  /** As `secret-tool` of libsecret 0.20 behaves with GNOME Keyring 42; a locked one names its items to a search only. */
  function createTool(options: { isLocked?: boolean } = {}) {
    const items = new Map<string, string>()
    if (options.isLocked === true) items.set(account, secret)
    return record(({ args, input }) => {
      const name = args[args.indexOf('account') + 1] ?? ''
      const isThere = items.has(name)
      if (args[0] === 'search') return { out: isThere ? '[/org/freedesktop/secrets/collection/login/1]\nlabel = Sallyport\n' : '' }
      if (args[0] === 'store' && options.isLocked === true)
        return { code: 1, err: 'secret-tool: Cannot create an item in a locked collection\n' }
      if (options.isLocked === true) return { code: 1 }
      if (args[0] === 'store') items.set(name, input)
      else if (args[0] === 'clear') items.delete(name)
      else return isThere ? { out: items.get(name) ?? '' } : { code: 1 }
      return {}
    })
  }

  it('keeps, finds and removes, with the secret on stdin (NHI-02)', async () => {
    const { calls, call } = createTool()
    const keychain = createLinuxKeychain(call)

    assert.equal(await keychain.load(account), null)
    await keychain.save(account, secret)
    assert.equal(await keychain.load(account), secret)
    assert.deepEqual([await keychain.remove(account), await keychain.remove(account)], [true, false])
    assert.ok(calls.every(({ args }) => !args.join(' ').includes(secret)))
  })

  it('tells a locked keyring from an empty one', async () => {
    const keychain = createLinuxKeychain(createTool({ isLocked: true }).call)

    for (const work of [keychain.load(account), keychain.save('another', secret), keychain.remove(account)])
      await assert.rejects(work, { name: 'StoreTrouble', obstacle: 'locked' })
    assert.equal(await keychain.load('another'), null)
  })

  const absences = [
    ['no secret-tool', { code: null, problem: 'ENOENT' }],
    ['no bus', { code: 1, err: 'secret-tool: Cannot autolaunch D-Bus without X11 $DISPLAY\n' }],
    ['no keyring on the bus', { code: 1, err: 'secret-tool: The name org.freedesktop.secrets was not provided by any .service files\n' }],
  ] as const
  for (const [what, answer] of absences) {
    it(`is absent where there is ${what}`, async () => {
      await assert.rejects(createLinuxKeychain(record(() => answer).call).load(account), { name: 'StoreTrouble', obstacle: 'absent' })
    })
  }
})

describe('Windows Data Protection', () => {
  /** As PowerShell with that script: base64 in, base64 out; its protection here is a reversal. */
  const createPowerShell = () => record(({ input }) => ({ out: Buffer.from(Buffer.from(input, 'base64').toReversed()).toString('base64') }))

  it('keeps in a sealed file, finds and removes, with the secret on stdin (NHI-02)', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-dpapi-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const { calls, call } = createPowerShell()
    const keychain = createWindowsKeychain(call, folder)

    assert.equal(await keychain.load(account), null)
    await keychain.save(account, secret)
    assert.equal(await keychain.load(account), secret)
    assert.deepEqual(readdirSync(folder), [`${account}.dpapi`])
    assert.ok(!readFileSync(join(folder, `${account}.dpapi`), 'utf8').includes(secret))
    assert.deepEqual([await keychain.remove(account), await keychain.remove(account)], [true, false])
    assert.ok(
      calls.every(
        ({ args }) =>
          !Buffer.from(args.at(-1) ?? '', 'base64')
            .toString('utf16le')
            .includes(secret),
      ),
    )
  })

  it('says when it could not', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-dpapi-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const broken = createWindowsKeychain(record(() => ({ code: 1, err: 'Exception calling "Protect"' })).call, folder)
    const silent = createWindowsKeychain(record(() => ({})).call, folder)

    await assert.rejects(broken.save(account, secret), { name: 'StoreTrouble', obstacle: 'other', message: /PowerShell ended with 1/ })
    await assert.rejects(silent.save(account, secret), { name: 'StoreTrouble', obstacle: 'other' })
    assert.deepEqual(readdirSync(folder), [])
  })

  it('says when the file is where none can be', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-dpapi-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const taken = join(folder, 'taken')
    writeFileSync(taken, '')
    const keychain = createWindowsKeychain(createPowerShell().call, taken)

    const calls = [keychain.load(account), keychain.save(account, secret), keychain.remove(account)]

    for (const call of calls) await assert.rejects(call, { name: 'StoreTrouble', obstacle: 'other', message: /taken/ })
  })
})
