import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'
import { createCredential, formatCredential, hashSecret, parseCredential, secretFits } from '../../src/session/credential.ts'

describe('a credential', () => {
  it('SES-01 has a 128-bit id and a 256-bit secret from the CSPRNG, never the same twice', () => {
    const sizes: number[] = []
    const random = (size: number) => {
      sizes.push(size)
      return randomBytes(size)
    }

    const seen = new Set(Array.from({ length: 10_000 }, () => formatCredential(createCredential(random))))

    assert.equal(seen.size, 10_000)
    assert.deepEqual(sizes.slice(0, 2), [16, 32])
    for (const text of seen) assert.match(text, /^[\w-]{22}\.0\.[\w-]{43}$/)
  })

  it('reads back what it wrote', () => {
    const credential = createCredential(randomBytes)

    assert.deepEqual(parseCredential(formatCredential(credential)), credential)
  })

  it('RDS-10 A-068 is nothing that could build another key', () => {
    const good = formatCredential(createCredential(randomBytes))
    const [id, , secret] = good.split('.')
    const bad = [
      '',
      '*',
      'a:b',
      'a.b.c',
      `${id}.0`,
      `${id}..${secret}`,
      `${id}.0.${secret}.x`,
      `${id}.0.${secret}A`,
      `${id}A.0.${secret}`,
      `${id?.slice(1)}*.0.${secret}`,
      `${id?.slice(1)}:.0.${secret}`,
      `${id}.0\r\n.${secret}`,
      `${id}.\0.${secret}`,
      `${id}.{0}.${secret}`,
      `${id}.${'0'.repeat(23)}.${secret}`,
      'x'.repeat(10_000),
      `${good} `,
      ` ${good}`,
      `${id?.slice(1)}é.0.${secret}`,
    ]

    for (const text of bad) assert.equal(parseCredential(text), null, JSON.stringify(text.slice(0, 120)))
  })

  it('RDS-01 is stored as a hash that only its secret fits', () => {
    const { secret } = createCredential(randomBytes)

    assert.equal(hashSecret(secret).includes(secret), false)
    assert.equal(secretFits(secret, hashSecret(secret)), true)
    assert.equal(secretFits(createCredential(randomBytes).secret, hashSecret(secret)), false)
    assert.equal(secretFits(secret, ''), false)
  })
})
