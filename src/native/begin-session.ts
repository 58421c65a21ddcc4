import type { NativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import type { NativeAsk } from '../session/attempts.ts'
import { hashSecret, isBase64Url, type Random, randomToken, rootMember, secretFits } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import { formatHandle } from '../session/handle.ts'
import type { Beginning, Credential, SignIn } from '../session/session.ts'
import type { Endings } from '../tokens/endings.ts'
import type { KeepSession } from './keep-session.ts'
import { OAuthError } from './oauth-error.ts'
import type { TokenAnswer, TokenRequest } from './token.ts'

const idLength = 22
const secretLength = 43

/** A code that is good for one session, as it was presented: `<id>.<secret>`. */
export interface PresentedCode {
  /** Also the id of the session. Public. */
  readonly id: string
  /** 256 random bits. */
  readonly secret: string
}

/** Null for anything that is not exactly a code. */
export function parseCode(text: string): PresentedCode | null {
  const [id = '', secret = '', ...more] = text.split('.')
  if (more.length > 0 || id.length !== idLength || secret.length !== secretLength) return null
  return isBase64Url(id) && isBase64Url(secret) ? { id, secret } : null
}

export function newCode(random: Random): PresentedCode {
  return { id: randomToken(random, 16), secret: randomToken(random, 32) }
}

/** A sign-in that the person has approved for a native client. */
export interface Approved {
  readonly ask: NativeAsk
  readonly signIn: SignIn
  /** Where, and by what, it was approved. */
  readonly approved: Pick<Beginning, 'device' | 'address'>
  /** When the sign-in attempt began. */
  readonly begunAt: number
  readonly approvedAt: number
}

/** Makes the session that a code stands for, once. */
export interface BeginSession {
  /**
   * @param take spends the code; whether this call was the one
   * @throws {OAuthError} `invalid_grant`, and then no session is left of this code; {GatewayError} what `KeepSession` throws
   */
  begin(code: PresentedCode, approved: Approved, take: () => Promise<boolean>, request: TokenRequest): Promise<TokenAnswer>
  /**
   * What is to be said of a code that is spent, or never was one. Who has it in full has seen it; then so may have
   * others, and the session that it gave ends (RFC 6749 §4.1.2).
   *
   * @returns `invalid_grant`
   */
  replayed(code: PresentedCode, request: TokenRequest): Promise<OAuthError>
}

export interface BeginSessionDeps {
  readonly clients: Pick<NativeClients, 'stillAllowed'>
  readonly native: NativeConfig
  readonly families: Families
  readonly endings: Endings
  readonly keep: KeepSession
  readonly audit: Audit
  readonly random: Random
}

export function createBeginSession({ clients, native, families, endings, keep, audit, random }: BeginSessionDeps): BeginSession {
  async function replayed({ id, secret }: PresentedCode, { client, trail }: TokenRequest): Promise<OAuthError> {
    const record = await families.look(id)
    const codeHash = record?.client?.codeHash ?? null
    if (record === null || codeHash === null || !secretFits(secret, codeHash)) return codeRefused({ reason: 'code_unknown' })
    await endings.one(id, 'code_replayed')
    const { provider, sub } = record
    const line = { provider, sub, session_id: id, client_id: client.id }
    auditOf(audit, trail)('replay', { ...line, code: 'invalid_grant', outcome: 'refused', reason: 'code_replayed' })
    return codeRefused({ reason: 'code_replayed' })
  }

  return {
    replayed,

    async begin(code, given, take, request) {
      const { ask, signIn, approved } = given
      // The operator may have taken some away since the person said yes.
      const scopes = clients.stillAllowed(request.client.id, ask.scopes)
      if (scopes.length === 0) throw codeRefused({ reason: 'scopes_taken_away' })
      const credential: Credential = { familyId: code.id, member: rootMember, secret: randomToken(random, 32) }
      const client = {
        id: request.client.id,
        name: request.client.name,
        resources: ask.resources,
        scopes,
        redeemedFrom: request.exchange.clientAddress,
        codeHash: hashSecret(code.secret),
      }
      // The session first: it can be made once, so whoever comes second finds it, and ends it.
      const isFirst = await families.create(credential, signIn, { origin: native.origin.href, ...approved, client })
      if (!isFirst || !(await take())) throw await replayed(code, request)
      await keep(credential, given, request.trail, { kind: 'native', client_id: client.id })
      return tokenAnswer(credential, scopes, native.absoluteTimeoutMs)
    },
  }
}

/**
 * RFC 6749 §5.1. The seconds are those of the clock that does not move: a program that uses its session stays signed in
 * until then, and one that does not finds out by a 401.
 */
export function tokenAnswer(credential: Credential, scopes: readonly string[], lifeMs: number): TokenAnswer {
  return {
    access_token: formatHandle(credential),
    token_type: 'Bearer',
    expires_in: Math.floor(lifeMs / 1000),
    scope: scopes.join(' '),
  }
}

/** One answer for all of it: nobody learns by it whether a code is, or was, one. */
export function codeRefused(why: { readonly reason: string }): OAuthError {
  return new OAuthError('invalid_grant', 'The code cannot be redeemed. Sign in again.', why)
}
