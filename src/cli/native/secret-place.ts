/** Somewhere that keeps one text per account. */
export interface SecretPlace {
  readonly kind: 'keychain' | 'file'
  /** For people: `macOS keychain`, or the file's folder. */
  readonly description: string
  /** @throws {StoreTrouble} */
  load(account: string): Promise<string | null>
  /** @throws {StoreTrouble} */
  save(account: string, secret: string): Promise<void>
  /** @returns whether there was one. @throws {StoreTrouble} */
  remove(account: string): Promise<boolean>
}

/**
 * Why a place could not be used. `absent`: this machine has no such thing; `locked`: it is there, and does not let us
 * in; `other`: anything else. The message is a sentence for the person and names no secret.
 */
export class StoreTrouble extends Error {
  override name = 'StoreTrouble'
  readonly obstacle: 'absent' | 'locked' | 'other'

  constructor(obstacle: StoreTrouble['obstacle'], message: string) {
    super(message)
    this.obstacle = obstacle
  }
}

/** What another program did. */
export interface ProgramResult {
  /** Null when it was ended, or could not be started. */
  readonly code: number | null
  /** Why it could not be started: ENOENT where it is not installed. */
  readonly problem: string | null
  readonly out: string
  readonly err: string
}

/** Runs a program without a shell, with a text on its stdin. */
export type CallProgram = (program: string, args: readonly string[], input: string) => Promise<ProgramResult>
