/** A value that was read from a file: what it is for, never what it is. */
export interface ReadSecret {
  /** As operators write it: `session.cookieKeys[0]`. */
  readonly option: string
  /** When the file changed last, epoch ms. */
  readonly modifiedAt: number
}
