import { rootMember, sessionIdOf } from './credential.ts'
import type { Families } from './families.ts'
import type { Member, Members } from './members.ts'
import type { ScopesNow } from './scopes-now.ts'
import type { ClientGrant, SessionRecord, User } from './session.ts'
import type { SessionIndex, Whose } from './session-index.ts'

/** A living session as a list shows it: nothing of it opens anything. */
export interface ListedSession extends Omit<SessionRecord, 'version' | 'secretHash' | 'rootHash' | 'sealing' | 'wrap' | 'sid' | 'client'> {
  readonly sessionId: string
  readonly client?: Omit<ClientGrant, 'codeHash'>
  /** Of an agent that may make only so many calls: how many it may still make. */
  readonly remainingCalls?: number
  /** Those that were delegated from it. */
  readonly children: readonly ListedSession[]
}

/** Finds living sessions without holding them. @throws {GatewayError} `store_unavailable` */
export interface SessionList {
  /** The newest first. */
  ofUser(user: User): Promise<readonly ListedSession[]>
}

export interface SessionListDeps {
  readonly families: Pick<Families, 'look'>
  readonly members: Pick<Members, 'of' | 'remaining'>
  readonly index: SessionIndex
  /** By default all that was approved counts. */
  readonly scopesNow?: ScopesNow
}

export function createSessionList({ families, members, index, scopesNow = ({ scopes }) => scopes }: SessionListDeps): SessionList {
  async function ofFamily(familyId: string, user: User): Promise<readonly ListedSession[]> {
    const [root, all] = await Promise.all([families.look(familyId), members.of(familyId)])
    const known = all.filter(({ member, record }) => member !== rootMember && belongsTo(record, user))
    const remaining = await members.remaining(familyId, all)
    // An index may name what has ended; the record decides.
    if (root !== null && belongsTo(root, user)) return [listed(familyId, rootMember, root, known, remaining)]
    // Those that outlived their root stand by themselves.
    const names = known.map(({ member }) => member)
    return known
      .filter(({ record }) => !names.includes(record.agent?.parent ?? ''))
      .map(({ member, record }) => listed(familyId, member, record, known, remaining))
  }

  function listed(
    familyId: string,
    member: string,
    record: SessionRecord,
    all: readonly Member[],
    remaining: ReadonlyMap<string, number>,
  ): ListedSession {
    const {
      version: _version,
      secretHash: _hash,
      rootHash: _rootHash,
      sealing: _sealing,
      wrap: _wrap,
      sid: _sid,
      client,
      ...shown
    } = record
    const remainingCalls = remaining.get(member)
    const children = all.filter(one => one.record.agent?.parent === member)
    return {
      sessionId: sessionIdOf({ familyId, member }),
      ...shown,
      scopes: scopesNow(record),
      ...(client === undefined ? {} : { client: withoutHash(client) }),
      ...(remainingCalls === undefined ? {} : { remainingCalls }),
      children: children.map(child => listed(familyId, child.member, child.record, all, remaining)).sort(byAge),
    }
  }

  return {
    async ofUser(user) {
      const ids = await index.find(user)
      // In one tick, so in one trip to the store.
      const families = await Promise.all(ids.map(id => ofFamily(id, user)))
      return families.flat().sort(byAge)
    },
  }
}

/** The newest first. */
function byAge(one: ListedSession, other: ListedSession): number {
  return other.createdAt - one.createdAt
}

/** Whether a session is one of those that are meant. */
export function belongsTo(record: SessionRecord, whose: Whose): boolean {
  if (record.provider !== whose.provider) return false
  return 'sub' in whose ? record.sub === whose.sub : record.sid === whose.sid
}

function withoutHash({ codeHash: _hash, ...client }: ClientGrant): NonNullable<ListedSession['client']> {
  return client
}
