import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { createFilePlace } from '../../src/cli/native/credential-file.ts'
import { choosePlace, loadCredential, saveCredential } from '../../src/cli/native/credential-store.ts'
import { readPrivate, writePrivate } from '../../src/cli/native/private-files.ts'
import { type SecretPlace, StoreTrouble } from '../../src/cli/native/secret-place.ts'

const holder = { gateway: 'https://app.example.test', profile: 'default' }
const credential = {
  gateway: holder.gateway,
  issuer: holder.gateway,
  handle: 'spt_abc',
  basePath: '/auth',
  scope: 'orders.read',
  obtainedAt: 1,
  expiresAt: 2,
}

function makeFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-store-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** A place in memory. @param changes what it does otherwise */
function createPlace(kind: SecretPlace['kind'], changes: Partial<SecretPlace> = {}): SecretPlace {
  const kept = new Map<string, string>()
  return {
    kind,
    description: `a ${kind}`,
    load: async account => kept.get(account) ?? null,
    save: async (account, secret) => void kept.set(account, secret),
    remove: async account => kept.delete(account),
    ...changes,
  }
}

describe('credentials in files', () => {
  it('can be read by their owner alone, in a folder of the same kind', async t => {
    const folder = join(makeFolder(t), 'state/credentials')
    const place = createFilePlace(folder)

    await saveCredential(place, holder, credential)

    const [name = ''] = readdirSync(folder)
    assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.deepEqual(await loadCredential(place, holder), credential)
  })

  it('mend a folder of ours that others could look into', async t => {
    const folder = join(makeFolder(t), 'credentials')
    mkdirSync(folder)
    chmodSync(folder, 0o755)

    await saveCredential(createFilePlace(folder), holder, credential)

    assert.equal(statSync(folder).mode & 0o777, 0o700)
  })

  it('are not read through a link, from others, or where others may read them', async t => {
    const folder = makeFolder(t)
    const [real, link, loose, others] = ['real', 'link', 'loose', 'others'].map(name => join(folder, name)) as [
      string,
      string,
      string,
      string,
    ]
    for (const file of [real, loose, others]) writeFileSync(file, 'secret', { mode: 0o600 })
    symlinkSync(real, link)
    chmodSync(loose, 0o640)

    assert.equal(readPrivate(real), 'secret')
    assert.throws(() => readPrivate(link), /is a link, and is not followed/)
    assert.throws(() => readPrivate(loose), /others may read .+: chmod 600 it/)
    if (process.getuid?.() === 0) {
      chownSync(others, 12345, 12345)
      assert.throws(() => readPrivate(others), /belongs to another user/)
    }
  })

  it('are written whole: a link that waits in their place is replaced, not followed', async t => {
    const folder = makeFolder(t)
    const [victim, file] = [join(folder, 'victim'), join(folder, 'file')]
    writeFileSync(victim, 'untouched')
    symlinkSync(victim, file)

    writePrivate(file, 'secret')

    assert.deepEqual([readFileSync(victim, 'utf8'), readPrivate(file)], ['untouched', 'secret'])
    assert.deepEqual(readdirSync(folder).toSorted(), ['file', 'victim'])
  })

  it('say what is wrong where nothing can be written', async t => {
    const folder = join(makeFolder(t), 'credentials')
    writeFileSync(folder, 'a file in its place')

    await assert.rejects(saveCredential(createFilePlace(folder), holder, credential), { name: 'PlaceError', exitCode: 7 })
  })
})

describe('the choice of a place', () => {
  const open =
    (keychain: SecretPlace, file = createPlace('file')) =>
    (kind: SecretPlace['kind']) =>
      kind === 'keychain' ? keychain : file
  const troubled = (obstacle: 'absent' | 'locked' | 'other') =>
    createPlace('keychain', { save: () => Promise.reject(new StoreTrouble(obstacle, `it is ${obstacle}`)) })

  it('is the keychain where there is one', async () => {
    const said: string[] = []

    const place = await choosePlace(undefined, open(createPlace('keychain')), sentence => said.push(sentence))

    assert.deepEqual([place.kind, said], ['keychain', []])
  })

  it('is a file where there is none, and that is announced', async () => {
    const said: string[] = []

    const place = await choosePlace(undefined, open(troubled('absent')), sentence => said.push(sentence))

    assert.equal(place.kind, 'file')
    assert.match(said.join(), /No keychain here \(it is absent\): the credential goes into a file/)
  })

  it('is never a file in silence: not where the keychain is locked, not where it was asked for', async () => {
    const never = () => assert.fail('nothing is to be announced')

    await assert.rejects(choosePlace(undefined, open(troubled('locked')), never), {
      exitCode: 7,
      message: 'it is locked, or use --store file',
    })
    await assert.rejects(choosePlace(undefined, open(troubled('other')), never), { exitCode: 7 })
    await assert.rejects(choosePlace('keychain', open(troubled('absent')), never), { exitCode: 7 })
  })

  it('is refused where what is written is not read back', async () => {
    const forgetful = createPlace('keychain', { load: async () => null })

    await assert.rejects(
      choosePlace(undefined, open(forgetful), () => {}),
      { exitCode: 7, message: /did not keep what was written/ },
    )
    await assert.rejects(saveCredential(forgetful, holder, credential), { exitCode: 7 })
  })

  it('NHI-08 does not give the credential of one gateway to another, wherever it was found', async () => {
    const place = createPlace('keychain')
    await saveCredential(place, holder, { ...credential, gateway: 'https://staging.example.test' })

    assert.equal(await loadCredential(place, holder), null)
  })
})
