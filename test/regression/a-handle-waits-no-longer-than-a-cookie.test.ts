import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { it } from 'node:test'
import type { RouteRule } from '../../src/config/config.ts'
import type { NativeConfig } from '../../src/config/native-config.ts'
import type { Exchange } from '../../src/http/exchange.ts'
import { createSessionStage } from '../../src/request/session.ts'
import { createCredential } from '../../src/session/credential.ts'
import type { FamilyState } from '../../src/session/families.ts'

/*
 * What happened: a session that came by a handle was passed through more promises than one that came by a cookie,
 * though there was nothing to wait for.
 *
 * What holds it now: one promise beside the store's own for either; only an agent whose calls are counted waits for more.
 */
it('a handle waits in no more promises than a cookie does', async () => {
  const credential = createCredential(randomBytes)
  const record = { kind: 'native', origin: 'https://app.example.test', client: { id: 'cli' } }
  const live = { state: 'live', signedIn: { credential, record } } as FamilyState
  const stage = createSessionStage({
    cookie: { name: 'session', isSecure: true },
    readCookie: () => credential,
    readHandle: () => credential,
    native: { clients: [{ id: 'cli' }] } as unknown as NativeConfig,
    spend: async () => assert.fail('nothing is limited'),
    brake: { isOver: () => false, count: () => assert.fail('the handle is good') },
    families: { read: async () => live } as never,
  })
  const exchange = { target: { origin: { href: record.origin } }, clientAddress: '192.0.2.7' } as Exchange
  const turns = async (isHandle: boolean) => {
    let isThere = false
    const presented = { credential, isHandle, isPresent: !isHandle, isAmbiguous: false }
    void stage.readSession({} as RouteRule, presented, exchange)?.then(signedIn => {
      isThere = true
      assert.equal(signedIn?.record, record)
    })
    let count = 0
    for (; !isThere; count += 1) await null
    return count
  }

  assert.equal(await turns(true), await turns(false))
})
