import type { Program } from '../programs.ts'

/** A program that is measured. */
export interface Subject {
  readonly name: string
  readonly program: Program
  /** The Cookie headers of its sessions, or the Authorization headers of native clients'; requests go round them. */
  readonly cookies: readonly string[]
  /** What brings them; Cookie unless something else is said. */
  readonly header?: 'Cookie' | 'Authorization'
}

/** What all subjects of a run have in common. */
export interface Surroundings {
  /** For files; gone after the run. */
  readonly folder: string
  readonly upstreamPort: number
  /** Of the upstream of WebSockets. */
  readonly livePort: number
  readonly redisUrl: string
  /** The origin's, which requests name in Host. */
  readonly host: string
}

export const sessionCount = 500

/** Characters of the tokens of a session, about 3 KiB with its claims: what providers with a few groups and roles hand out. */
export const tokenLengths = { access: 1062, id: 900, refresh: 64 } as const
