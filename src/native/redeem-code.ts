import { hash } from 'node:crypto'
import { isSame } from '../auth/proofs.ts'
import type { NativeConfig } from '../config/config.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { hashSecret, type Random, randomToken, rootMember, secretFits } from '../session/credential.ts'
import type { Families } from '../session/families.ts'
import { formatHandle } from '../session/handle.ts'
import type { Credential } from '../session/session.ts'
import type { Admit } from '../tokens/admit.ts'
import type { Endings } from '../tokens/endings.ts'
import { type CodeGrant, type Codes, codeLifeMs, type PresentedCode, parseCode } from './codes.ts'
import { OAuthError } from './oauth-error.ts'
import type { Resources } from './resources.ts'
import type { Grant, TokenAnswer, TokenRequest } from './token.ts'

export interface RedeemCodeDeps {
  readonly native: NativeConfig
  readonly codes: Codes
  readonly resources: Resources
  readonly families: Families
  readonly endings: Endings
  readonly admit: Admit
  readonly audit: Audit
  readonly random: Random
  readonly now: () => number
}

// RFC 7636 §4.1.
const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/

/**
 * The grant `authorization_code`: gives the handle that a code stands for, once (RFC 6749 §4.1.3).
 *
 * Everything is looked at before anything is spent: libraries probe, and a probe must cost nobody a sign-in. Two things
 * do spend a code. A wrong verifier, which no honest client sends (NAT-19). And a second use, which also ends what the
 * first one was given (NAT-18): whichever of several is first, the others end its session, so of any number of requests
 * at once no handle is left.
 */
export function createRedeemCode(deps: RedeemCodeDeps): Grant {
  const { native, codes, families, endings, audit, random, now } = deps

  return async function redeemCode(request) {
    const code = parseCode(request.params.get('code') ?? '')
    if (code === null) throw refused('code_malformed')
    const opened = await codes.open(code)
    if (opened === null) throw await replayed(code, request)
    const { grant, take } = opened
    requireFit(grant, request)
    if (!fitsChallenge(request.params.get('code_verifier') ?? '', grant.ask.answer.challenge)) {
      await take()
      throw refused('verifier_mismatch')
    }
    return await begin(code, grant, take, request)
  }

  async function begin(code: PresentedCode, grant: CodeGrant, take: () => Promise<boolean>, request: TokenRequest): Promise<TokenAnswer> {
    const { ask, signIn, approved } = grant
    const credential: Credential = { familyId: code.id, member: rootMember, secret: randomToken(random, 32) }
    const client = {
      id: request.client.id,
      name: request.client.name,
      resources: ask.resources,
      scopes: ask.scopes,
      redeemedFrom: request.exchange.clientAddress,
      codeHash: hashSecret(code.secret),
    }
    // The session first: it can be made once, so whoever comes second finds it, and ends it.
    const isFirst = await families.create(credential, signIn, { origin: native.origin.href, ...approved, client })
    if (!isFirst || !(await take())) throw await replayed(code, request)
    await deps.admit(credential, signIn, grant.begunAt)

    const { provider, sub } = signIn
    request.trail.subject = { provider, sub, session_id: code.id, kind: 'native', client_id: client.id }
    const acr = signIn.acr === null ? {} : { acr: signIn.acr }
    auditOf(audit, request.trail)('sign_in', { ...acr, outcome: 'ok', amr: signIn.amr, origin: native.origin.href })
    return answerOf(credential, ask.scopes, native.absoluteTimeoutMs)
  }

  /** @throws {OAuthError} for what does not fit the code; it is not spent */
  function requireFit({ ask, mintedAt }: CodeGrant, { client, params }: TokenRequest): void {
    if (now() - mintedAt >= codeLifeMs) throw refused('code_expired')
    if (ask.clientId !== client.id) throw refused('client_mismatch')
    // OAuth 2.1 leaves it out of the token request; where it comes, it must be the same to the byte (NAT-20).
    const redirectUri = params.get('redirect_uri')
    if (redirectUri !== null && redirectUri !== ask.answer.redirectUri) throw refused('redirect_uri')
    const asked = deps.resources.read(params.getAll('resource'))
    if (asked !== null && ask.resources !== null && !asked.every(resource => ask.resources?.includes(resource))) {
      throw new OAuthError('invalid_target', 'The code was not approved for this resource.', { reason: 'other_resource' })
    }
  }

  /** The code is spent, or never was. Who has it in full has seen it; then so may have others, and what it gave must go. */
  async function replayed(code: PresentedCode, { client, trail }: TokenRequest): Promise<OAuthError> {
    const record = await families.look(code.id)
    const codeHash = record?.client?.codeHash ?? null
    if (record === null || codeHash === null || !secretFits(code.secret, codeHash)) return refused('code_unknown')
    await endings.one(code.id, 'code_replayed')
    const { provider, sub } = record
    const line = { provider, sub, session_id: code.id, client_id: client.id }
    auditOf(audit, trail)('replay', { ...line, code: 'invalid_grant', outcome: 'refused', reason: 'authorization_code' })
    return refused('code_replayed')
  }
}

/** A token response. RFC 6749 §5.1: seconds; a session that is not used ends before. */
export function answerOf(credential: Credential, scopes: readonly string[], lifeMs: number): TokenAnswer {
  return {
    access_token: formatHandle(credential),
    token_type: 'Bearer',
    expires_in: Math.floor(lifeMs / 1000),
    scope: scopes.join(' '),
  }
}

/** RFC 7636 §4.6, in constant time. */
function fitsChallenge(verifier: string, challenge: string): boolean {
  return verifierForm.test(verifier) && isSame(challenge, hash('sha256', verifier, 'base64url'))
}

/** One answer for all of it: nobody learns by it whether a code is, or was, one. */
function refused(reason: string): OAuthError {
  return new OAuthError('invalid_grant', 'The code cannot be redeemed. Sign in again.', { reason })
}
