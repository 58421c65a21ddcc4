import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { beforeEach, describe, it } from 'node:test'
import { type Attempts, type AttemptTicket, createAttempts } from '../../src/session/attempts.ts'
import { createSealing, type Sealing } from '../../src/session/sealing.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import type { Store } from '../../src/store/store.ts'
import { makeSignIn } from '../support/sign-in.ts'

let now: number
let store: Store
let sealing: Sealing
let attempts: Attempts
const input = { provider: 'main', origin: 'https://app.example.test', returnTo: '/orders?page=2#last' }

beforeEach(() => {
  now = Date.UTC(2026, 10, 22, 12)
  store = createMemoryStore({ now: () => now })
  sealing = createSealing([{ id: 'k1', key: randomBytes(32) }])
  attempts = createAttempts({ store, sealing, now: () => now, random: randomBytes })
})

describe('a sign-in attempt', () => {
  it('FLOW-06 PKCE-02 PKCE-03 has a state, nonce and verifier of 256 random bits each, its own alone', async () => {
    const seen = new Set<string>()
    for (let round = 0; round < 500; round += 1) {
      const { ticket, attempt } = await attempts.begin(input)
      assert.match(attempt.verifier, /^[\w-]{43}$/)
      assert.match(attempt.nonce, /^[\w-]{43}$/)
      assert.match(attempt.state, /^[\w-]{22}\.[\w-]{43}$/)
      assert.ok(attempt.state.startsWith(`${ticket.id}.`))
      for (const secret of [attempt.verifier, attempt.nonce, attempt.state, ticket.secret]) seen.add(secret)
    }
    assert.equal(seen.size, 2000)
  })

  it('comes back whole to who holds its ticket', async () => {
    const { ticket, attempt } = await attempts.begin(input)

    const opened = await attempts.open(ticket)

    assert.ok(typeof opened === 'object')
    const { take, ...held } = opened
    assert.deepEqual(held, attempt)
    assert.equal(typeof take, 'function')
  })

  it('FLOW-06 is unknown to who has the id and not the secret', async () => {
    const { ticket } = await attempts.begin(input)

    assert.equal(await attempts.open({ ...ticket, secret: randomBytes(32).toString('base64url') }), 'unknown')
  })

  it('FLOW-08 RDS-08 is taken once by twenty at a time, and is spent from then on', async () => {
    const { ticket } = await attempts.begin(input)

    const taken = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const opened = await attempts.open(ticket)
        return typeof opened === 'object' ? opened.take() : false
      }),
    )

    assert.equal(taken.filter(Boolean).length, 1)
    assert.equal(await attempts.open(ticket), 'spent')
  })

  it('FLOW-09 is unknown after ten minutes, whatever the store still keeps', async () => {
    const frozen = createMemoryStore({ now: () => 0 })
    const held = createAttempts({ store: frozen, sealing, now: () => now, random: randomBytes })
    const { ticket } = await held.begin(input)

    now += 10 * 60_000

    assert.equal(await held.open(ticket), 'unknown')
  })

  it('PKCE-06 keeps verifier, nonce and state from who reads the store with the sealing key in hand', async () => {
    const { ticket, attempt } = await attempts.begin(input)
    const item = await store.peekOnce({ kind: 'attempt', id: ticket.id })
    assert.ok(item?.state === 'live')

    for (const secret of [attempt.verifier, attempt.nonce, attempt.state, ticket.secret]) assert.equal(item.value.includes(secret), false)
    assert.equal(sealing.open({ type: 'attempt', key: ticket.id }, item.value), 'altered')
  })

  it('PKCE-04 is unknown when what the store holds was cut', async () => {
    const { ticket } = await attempts.begin(input)
    const item = await store.peekOnce({ kind: 'attempt', id: ticket.id })
    assert.ok(item?.state === 'live')
    const cut: Store = { ...store, peekOnce: async () => ({ state: 'live', value: item.value.slice(0, -8) }) }

    assert.equal(await createAttempts({ store: cut, sealing, now: () => now, random: randomBytes }).open(ticket), 'unknown')
  })
})

describe('the result of an attempt', () => {
  let ticket: AttemptTicket

  beforeEach(async () => {
    const begun = await attempts.begin(input)
    ticket = begun.ticket
    await attempts.park(ticket, begun.attempt, makeSignIn(now))
  })

  it('waits for the same browser, and is taken once', async () => {
    const opened = await attempts.openResult(ticket)

    assert.ok(typeof opened === 'object')
    assert.equal(opened.signIn.sub, 'alice')
    assert.equal(opened.attempt.returnTo, input.returnTo)
    assert.equal(await opened.take(), true)
    assert.equal(await opened.take(), false)
    assert.equal(await attempts.openResult(ticket), 'spent')
  })

  it('shows no token to who reads the store with the sealing key in hand', async () => {
    const item = await store.peekOnce({ kind: 'result', id: ticket.id })

    assert.ok(item?.state === 'live')
    assert.equal(item.value.includes('canary'), false)
    assert.equal(sealing.open({ type: 'result', key: ticket.id }, item.value), 'altered')
  })

  it('is no attempt: one cannot stand in for the other', async () => {
    const item = await store.peekOnce({ kind: 'result', id: ticket.id })
    assert.ok(item?.state === 'live')

    assert.equal(sealing.open({ type: 'attempt', key: ticket.id }, item.value, ticket.secret), 'altered')
  })
})
