/** What `sallyport login` keeps of a sign-in: all that `token`, `status` and `logout` need without asking anybody. */
export interface StoredCredential {
  /** The gateway's origin, as it was given; the handle is for it alone. */
  readonly gateway: string
  /** The authorization server that issued the handle; the gateway itself, or `native.origin`. */
  readonly issuer: string
  readonly handle: string
  /** Of the gateway's own endpoints, such as `/auth`. */
  readonly basePath: string
  readonly scope: string
  /** By this machine's clock, epoch milliseconds. */
  readonly obtainedAt: number
  readonly expiresAt: number
}

/** Whether a text can be a handle: what passes is safe in a header, in a line of curl's configuration and in an environment. */
export function isHandle(text: string): boolean {
  // RFC 6750 §2.1, b64token.
  return text.length <= 4096 && /^[A-Za-z0-9._~+/-]+=*$/.test(text)
}

/** One line, which every store can hold. */
export function formatCredential(credential: StoredCredential): string {
  return Buffer.from(JSON.stringify(credential)).toString('base64')
}

/** @returns null for what {@link formatCredential} did not write */
export function parseCredential(text: string): StoredCredential | null {
  try {
    const read = JSON.parse(Buffer.from(text.trim(), 'base64').toString('utf8')) as Partial<StoredCredential> | null
    const { gateway, issuer, handle, basePath, scope, obtainedAt, expiresAt } = read ?? {}
    if (typeof gateway !== 'string' || typeof issuer !== 'string' || typeof handle !== 'string' || !isHandle(handle)) return null
    if (typeof basePath !== 'string' || typeof scope !== 'string') return null
    if (typeof obtainedAt !== 'number' || typeof expiresAt !== 'number') return null
    return { gateway, issuer, handle, basePath, scope, obtainedAt, expiresAt }
  } catch {
    return null
  }
}
