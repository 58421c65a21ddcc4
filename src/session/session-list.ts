import type { Families } from './families.ts'
import type { ClientGrant, SessionRecord, User } from './session.ts'
import type { SessionIndex, Whose } from './session-index.ts'

/** A living session as a list shows it: nothing of it opens anything. */
export interface ListedSession extends Omit<SessionRecord, 'version' | 'secretHash' | 'sealing' | 'wrap' | 'sid' | 'client'> {
  readonly sessionId: string
  readonly client?: Omit<ClientGrant, 'codeHash'>
  /** Those that were delegated from it. */
  readonly children: readonly ListedSession[]
}

/** Finds living sessions without holding them. @throws {GatewayError} `store_unavailable` */
export interface SessionList {
  /** The newest first. */
  ofUser(user: User): Promise<readonly ListedSession[]>
}

export function createSessionList({ families, index }: { readonly families: Families; readonly index: SessionIndex }): SessionList {
  return {
    async ofUser(user) {
      const ids = await index.find(user)
      // In one tick, so in one trip to the store.
      const records = await Promise.all(ids.map(families.look))
      // An index may name what has ended; the record decides.
      return records
        .flatMap((record, at) => (record !== null && belongsTo(record, user) ? [listed(ids[at] ?? '', record)] : []))
        .sort((one, other) => other.createdAt - one.createdAt)
    },
  }
}

/** Whether a session is one of those that are meant. */
export function belongsTo(record: SessionRecord, whose: Whose): boolean {
  if (record.provider !== whose.provider) return false
  return 'sub' in whose ? record.sub === whose.sub : record.sid === whose.sid
}

function listed(sessionId: string, record: SessionRecord): ListedSession {
  const { version: _version, secretHash: _hash, sealing: _sealing, wrap: _wrap, sid: _sid, client, ...shown } = record
  return { sessionId, ...shown, ...(client === undefined ? {} : { client: withoutHash(client) }), children: [] }
}

function withoutHash({ codeHash: _hash, ...client }: ClientGrant): NonNullable<ListedSession['client']> {
  return client
}
