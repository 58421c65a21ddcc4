/** A person the in-process provider knows. Tests may change `claims`; the next token shows it. */
export interface Person {
  readonly password: string
  claims: Record<string, unknown>
}

/** Subjects are not the user names, so that a test which mixes the two up fails. */
export function createPeople(): { readonly alice: Person; readonly bob: Person } {
  return {
    alice: {
      password: 'alice-password',
      claims: {
        sub: 'a1',
        name: 'Alice Adams',
        preferred_username: 'alice',
        email: 'alice@example.com',
        email_verified: true,
        groups: ['ops', 'admin'],
        realm_access: { roles: ['orders-admin'] },
      },
    },
    bob: {
      password: 'bob-password',
      claims: {
        sub: 'b2',
        name: 'Bob Brown',
        preferred_username: 'bob',
        email: 'bob@example.org',
        email_verified: false,
        groups: ['readers'],
        realm_access: { roles: [] },
      },
    },
  }
}
