import { checkId } from './input.ts'
import type { CountKey, IndexKey, OneTimeKey } from './store.ts'

/** The names that records are kept under. Every id is checked before it becomes part of one. */
export interface Keys {
  session(familyId: string, member: string): string
  /** What the session keys of a family have in common: the ending script adds the members that it finds. */
  sessionPrefix(familyId: string): string
  vault(familyId: string): string
  members(familyId: string): string
  /** How often a member was used, where that is limited. */
  uses(familyId: string, member: string): string
  lease(familyId: string): string
  index(index: IndexKey): string
  mark(index: IndexKey): string
  /** The one list of families by deadline. */
  due(): string
  once(key: OneTimeKey): string
  count(key: CountKey): string
}

const namespaceForm = /^[A-Za-z0-9_-]{1,32}$/

/**
 * Creates the keys of one namespace. All keys of one id share a hash tag, hence a slot of a Redis Cluster:
 * that is what lets one command read a family and one script end it. docs/store.md lists them.
 *
 * @throws {TypeError} for a namespace that is not 1 to 32 characters of base64url
 */
export function createKeys(namespace: string): Keys {
  if (!namespaceForm.test(namespace)) throw new TypeError('a store namespace must be 1 to 32 characters of base64url')

  function tagged(id: string, rest: string): string {
    checkId(id)
    return `${namespace}:{${id}}:${rest}`
  }

  return {
    session(familyId, member) {
      checkId(member)
      return tagged(familyId, `s:${member}`)
    },
    sessionPrefix: familyId => tagged(familyId, 's:'),
    vault: familyId => tagged(familyId, 'v'),
    members: familyId => tagged(familyId, 'm'),
    uses(familyId, member) {
      checkId(member)
      return tagged(familyId, `n:${member}`)
    },
    lease: familyId => tagged(familyId, 'lease'),
    index: ({ kind, id }) => tagged(id, `i:${kind}`),
    mark: ({ kind, id }) => tagged(id, `x:${kind}`),
    due: () => `${namespace}:{due}:d`,
    once: key => tagged(key.id, `o:${key.kind}`),
    count: key => tagged(key.id, `c:${key.kind}`),
  }
}
