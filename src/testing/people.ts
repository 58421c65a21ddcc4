/** Somebody who can sign in at the test provider. What a test changes here, the next token shows. */
export interface TestPerson {
  /** The subject, stable and unique; by default the name under which the person is listed. */
  sub?: string
  /** What ID tokens, UserInfo and access tokens say of the person, such as `name`, `email`, `groups`. */
  claims?: Record<string, unknown>
  /** The scopes that the provider grants of those asked for, beside `openid`, `profile`, `email` and `offline_access`. By default all. */
  scopes?: readonly string[]
}

/** The people of a test, by the name under which `signIn` finds them. */
export type TestPeople = Readonly<Record<string, TestPerson>>

/** Granted to everybody: they say whom a token is about, not what it allows. */
export const commonScopes: readonly string[] = ['openid', 'profile', 'email', 'offline_access']

export function subOf(people: TestPeople, name: string): string {
  return people[name]?.sub ?? name
}

/** What of the scopes asked for somebody gets, in the order in which they were asked for. */
export function grantScopes(person: TestPerson, asked: string): readonly string[] {
  const scopes = asked.split(' ').filter(scope => scope !== '')
  const allowed = person.scopes === undefined ? null : new Set([...commonScopes, ...person.scopes])
  return allowed === null ? scopes : scopes.filter(scope => allowed.has(scope))
}
