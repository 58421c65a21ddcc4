import { randomInt, timingSafeEqual } from 'node:crypto'

/** Somebody who can sign in at the demo's provider. */
export interface Person {
  readonly username: string
  readonly password: string
  readonly name: string
  readonly email: string
  readonly groups: readonly string[]
}

/** Alice, who is in `ops`, and Bob, who is not. Their passwords are new at every start. */
export function makePeople(): readonly [Person, Person] {
  return [
    { username: 'alice', password: makePassword(), name: 'Alice Archer', email: 'alice@example.com', groups: ['staff', 'ops'] },
    { username: 'bob', password: makePassword(), name: 'Bob Baker', email: 'bob@example.com', groups: ['staff'] },
  ]
}

/** The person whom a username and password name; null when they name nobody. */
export function findPerson(people: readonly Person[], username: string, password: string): Person | null {
  const person = people.find(one => one.username === username)
  if (person === undefined) return null
  const expected = Buffer.from(person.password)
  const given = Buffer.from(password)
  return given.length === expected.length && timingSafeEqual(given, expected) ? person : null
}

/** 59 random bits, from letters and digits that are not taken for one another when read off a terminal. */
function makePassword(): string {
  const alphabet = 'abcdefghjkmnpqrstuvwxyz23456789'
  const pick = () => alphabet[randomInt(alphabet.length)]
  const group = () => Array.from({ length: 4 }, pick).join('')
  return `${group()}-${group()}-${group()}`
}
