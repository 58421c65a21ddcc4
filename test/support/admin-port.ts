import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import type { SessionAdmin } from '../../src/admin/administered.ts'
import { createAdmin } from '../../src/admin/create-admin.ts'
import { GatewayError } from '../../src/errors.ts'
import { closeServer, createAdminServer } from '../../src/listeners.ts'
import { createAudit } from '../../src/ops/audit.ts'
import { createLog } from '../../src/ops/log.ts'
import type { User } from '../../src/session/session.ts'
import type { ListedSession } from '../../src/session/session-list.ts'
import type { Line } from './gateway.ts'
import { watchAnswers } from './watch-answers.ts'

export interface AdminPort {
  readonly url: string
  readonly port: number
  /** The token with the id `ops`. */
  readonly token: string
  /** The token with the id `helpdesk`. */
  readonly otherToken: string
  readonly sessions: FakeSessions
  readonly audit: readonly Line[]
  readonly lines: readonly Line[]
  readonly clock: { nowMs: number }
  close(): Promise<void>
}

/** Sessions in a list, with the ways to misbehave that a store has. */
export interface FakeSessions extends SessionAdmin {
  living: ListedSession[]
  /** How often it was asked for anything. */
  asked: number
  /** What every call ends with, when it is to fail. */
  failure: Error | null
}

export const alice: User = { provider: 'main', sub: 'alice' }

/** A session of Alice's, seen five minutes before noon. */
export function makeSession(changes: Partial<ListedSession> = {}): ListedSession {
  return {
    sessionId: randomBytes(16).toString('base64url'),
    kind: 'browser',
    ...alice,
    origin: 'https://app.example.test',
    device: 'Firefox on Linux',
    address: '192.0.2.7',
    scopes: ['openid', 'orders.read'],
    createdAt: Date.UTC(2026, 10, 22, 9),
    authTime: Date.UTC(2026, 10, 22, 8, 59, 58),
    acr: null,
    amr: [],
    touchedAt: Date.UTC(2026, 10, 22, 11, 55),
    idleExpiresAt: Date.UTC(2026, 10, 22, 12, 25),
    absoluteExpiresAt: Date.UTC(2026, 10, 22, 21),
    children: [],
    ...changes,
  }
}

/** Starts the admin port on loopback, over sessions that a test can see and spoil. */
export async function startAdminPort(): Promise<AdminPort> {
  const [token, otherToken] = [makeToken(), makeToken()]
  const clock = { nowMs: Date.UTC(2026, 10, 22, 12) }
  const now = () => clock.nowMs
  const [audit, lines]: [Line[], Line[]] = [[], []]
  const written: string[] = []
  const logTo = (list: Line[]) => createLog({ level: 'debug', destination: collect(list, written), now, service: 'sallyport' })
  const sessions = fakeSessions()
  const secrets = [{ option: 'session.cookieKeys[0]', modifiedAt: clock.nowMs - 90_500 }]

  const tokens = [
    { id: 'ops', token },
    { id: 'helpdesk', token: otherToken },
  ]
  const admin = createAdmin({
    ...{ tokens, administered: { sessions, secrets, now }, now },
    audit: createAudit(logTo(audit), null),
    log: logTo(lines),
  })
  const server = createAdminServer(watchAnswers(admin, (_host, path) => path))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    token,
    otherToken,
    sessions,
    audit,
    lines,
    clock,
    async close() {
      server.closeAllConnections()
      await closeServer(server, 0)
      // LOG-03: whatever a test did, no token was logged.
      if (written.some(text => text.includes(token) || text.includes(otherToken))) throw new Error('an admin token was logged')
    },
  }
}

export function makeToken(): string {
  return randomBytes(32).toString('base64url')
}

function fakeSessions(): FakeSessions {
  const isOf = (user: User) => (session: ListedSession) => session.provider === user.provider && session.sub === user.sub
  const end = (fits: (session: ListedSession) => boolean) => {
    const before = fake.living.length
    fake.living = fake.living.filter(session => !fits(session))
    return before - fake.living.length
  }
  const answer = async <T>(what: () => T): Promise<T> => {
    fake.asked++
    if (fake.failure !== null) throw fake.failure
    return what()
  }
  const fake: FakeSessions = {
    living: [],
    asked: 0,
    failure: null,
    list: user => answer(() => fake.living.filter(isOf(user))),
    endOne: sessionId => answer(() => end(session => session.sessionId === sessionId) > 0),
    endAll: user => answer(() => end(isOf(user))),
  }
  return fake
}

/** As the store fails when it is away. */
export const storeAway = () => new GatewayError('store_unavailable', 'switched off by a test')

function collect(lines: Line[], written: string[]): Writable {
  return new Writable({
    write(chunk, _encoding, done) {
      written.push(String(chunk))
      for (const text of String(chunk).split('\n')) if (text !== '') lines.push(JSON.parse(text) as Line)
      done()
    },
  })
}
