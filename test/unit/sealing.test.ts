import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createSealing, openUnder, sealUnder } from '../../src/session/sealing.ts'

const key = (id: string) => ({ id, key: randomBytes(32) })
const name = { type: 'session', key: 'family.0', version: 3 } as const

describe('sealing a record', () => {
  it('opens what it sealed, and tells the version', () => {
    const sealing = createSealing([key('k1')])

    const opened = sealing.open(name, sealing.seal(name, 'text'))

    assert.deepEqual(opened, { plaintext: 'text', version: 3 })
  })

  it('RDS-02 opens no record under another key name or as another type', () => {
    const sealing = createSealing([key('k1')])
    const sealed = sealing.seal(name, 'text')

    assert.equal(sealing.open({ type: 'session', key: 'other.0' }, sealed), 'altered')
    assert.equal(sealing.open({ type: 'attempt', key: 'family.0' }, sealed), 'altered')
  })

  it('RDS-02 opens no record whose version was changed', () => {
    const sealing = createSealing([key('k1')])
    const sealed = sealing.seal(name, 'text')

    assert.equal(sealing.open(name, sealed.replace('.3.', '.4.')), 'altered')
  })

  it('RDS-03 A-065 opens nothing that was flipped, cut, replaced or of an unknown format', () => {
    const sealing = createSealing([key('k1')])
    const sealed = sealing.seal(name, 'text')
    const flipped = Buffer.from(sealed)
    flipped[sealed.length - 5] = (flipped[sealed.length - 5] ?? 0) ^ 1

    for (const record of [
      flipped.toString(),
      sealed.slice(0, -4),
      `2${sealed.slice(1)}`,
      '{}',
      '',
      '1.k1.3.',
      '1.k1.x.AAAA',
      '1.k1.3.AAAA',
      `${sealed}.x`,
    ]) {
      assert.equal(sealing.open(name, record), 'altered', record)
    }
  })

  it('RDS-03 tells a record under an unknown key from an altered one', () => {
    const sealed = createSealing([key('k1')]).seal(name, 'text')

    assert.equal(createSealing([key('k2')]).open(name, sealed), 'unknown_key')
  })

  it('A-137 NHI-08 opens no record of another environment, even where the key ids are alike', () => {
    const sealed = createSealing([key('k1')]).seal(name, 'text')

    assert.equal(createSealing([key('k1')]).open(name, sealed), 'altered')
  })

  it('RDS-04 seals under the first key and opens under all', () => {
    const [first, second] = [key('k1'), key('k2')]
    const before = createSealing([first]).seal(name, 'text')
    const rotated = createSealing([second, first])

    assert.deepEqual(rotated.open(name, before), { plaintext: 'text', version: 3 })
    assert.equal(rotated.isCurrent(before), false)
    assert.equal(rotated.isCurrent(rotated.seal(name, 'text')), true)
  })

  it('opens a record sealed with a secret for nobody without it', () => {
    const sealing = createSealing([key('k1')])
    const sealed = sealing.seal(name, 'text', 'a secret')

    assert.equal(sealing.open(name, sealed), 'altered')
    assert.equal(sealing.open(name, sealed, 'another'), 'altered')
    assert.deepEqual(sealing.open(name, sealed, 'a secret'), { plaintext: 'text', version: 3 })
  })

  it('never repeats an IV, so the same text never looks the same', () => {
    const sealing = createSealing([key('k1')])

    const seen = new Set(Array.from({ length: 1000 }, () => sealing.seal(name, 'text').slice(0, 24)))

    assert.equal(seen.size, 1000)
  })
})

describe('sealing under a data key', () => {
  it('opens with that key and that name alone', () => {
    const dataKey = randomBytes(32)
    const sealed = sealUnder(dataKey, { type: 'vault', key: 'family', version: 0 }, 'tokens')

    assert.equal(openUnder(dataKey, { type: 'vault', key: 'family' }, sealed)?.plaintext, 'tokens')
    assert.equal(openUnder(randomBytes(32), { type: 'vault', key: 'family' }, sealed), null)
    assert.equal(openUnder(dataKey, { type: 'vault', key: 'another' }, sealed), null)
    assert.equal(openUnder(dataKey, { type: 'vault', key: 'family' }, sealed.replace('1.-.', '1.k1.')), null)
  })
})
