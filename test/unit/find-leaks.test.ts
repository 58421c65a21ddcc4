import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findLeaks } from '../support/traffic.ts'

describe('findLeaks, which the browser tests rely on', () => {
  const secret = 'eyJhbGciOiJSUzI1NiJ9.payload+with/odd=characters.signature_-'
  const disguises: Readonly<Record<string, string>> = {
    plain: `{"access_token":"${secret}"}`,
    'URL-encoded': `/callback?token=${encodeURIComponent(secret)}`,
    'base64 from the start': Buffer.from(secret).toString('base64'),
    'base64 in a longer text': Buffer.from(`{"t":"${secret}","x":1}`).toString('base64'),
    'base64url after one character': Buffer.from(`x${secret}`).toString('base64url'),
  }

  for (const [name, text] of Object.entries(disguises)) {
    it(`finds a token ${name}`, () => {
      assert.deepEqual(findLeaks([{ where: 'here', text }], [secret]), ['here'])
    })
  }

  it('finds nothing in what holds none', () => {
    assert.deepEqual(findLeaks([{ where: 'here', text: 'nothing of the kind' }], [secret]), [])
  })
})
