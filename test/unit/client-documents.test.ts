import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createAddressBrake } from '../../src/http/address-brake.ts'
import { createClientDocuments } from '../../src/native/client-documents.ts'
import type { FetchedDocument } from '../../src/native/fetch-document.ts'

const idOf = (name: string) => `https://tool.example/${name}.json`

/** Documents that come when the test lets them. */
function createHeld() {
  const { promise, resolve } = Promise.withResolvers<void>()
  const fetched: string[] = []
  const fetchDocument = async ({ href }: URL): Promise<FetchedDocument> => {
    fetched.push(href)
    await promise
    return { body: Buffer.from(JSON.stringify({ client_id: href, redirect_uris: ['http://127.0.0.1/callback'] })), cacheControl: '' }
  }
  const brake = createAddressBrake(() => 0, 100)
  return { documents: createClientDocuments({ fetchDocument, brake, now: () => 0 }), fetched, letCome: resolve }
}

describe('the documents of clients', () => {
  it('NAT-32 are fetched once for many who ask at once', async () => {
    const { documents, fetched, letCome } = createHeld()
    const asked = Array.from({ length: 20 }, (_, n) => documents.redirectsOf(idOf('client'), `192.0.2.${n}`))
    letCome()

    assert.deepEqual(new Set((await Promise.all(asked)).flat()), new Set(['http://127.0.0.1/callback']))
    assert.deepEqual(fetched, [idOf('client')])
  })

  it('NAT-32 are under way eight at once, from however many addresses they are asked for', async () => {
    const { documents, fetched, letCome } = createHeld()
    const asked = Array.from({ length: 9 }, (_, n) => documents.redirectsOf(idOf(`${n}`), `192.0.2.${n}`))
    letCome()

    const outcomes = await Promise.allSettled(asked)

    assert.deepEqual([fetched.length, outcomes.filter(({ status }) => status === 'fulfilled').length], [8, 8])
    assert.equal((await documents.redirectsOf(idOf('8'), '192.0.2.8')).length, 1, 'and then others')
  })
})
