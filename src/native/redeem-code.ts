import { hash } from 'node:crypto'
import { isSame } from '../auth/proofs.ts'
import { isDocumentId } from '../config/native-clients.ts'
import { type BeginSession, codeRefused, parseCode } from './begin-session.ts'
import { type CodeGrant, type Codes, codeLifeMs } from './codes.ts'
import { required } from './read-form.ts'
import { mayRedirect } from './redirects.ts'
import { narrowResources, type Resources } from './resources.ts'
import type { Grant, TokenRequest } from './token.ts'

export interface RedeemCodeDeps {
  readonly codes: Codes
  readonly resources: Resources
  readonly session: BeginSession
  readonly now: () => number
}

// RFC 7636 §4.1.
const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/

/**
 * The grant `authorization_code`: gives the handle that a code stands for, once (RFC 6749 §4.1.3).
 *
 * Everything is looked at before anything is spent: libraries probe, and a probe must cost nobody a sign-in. Two things
 * do spend a code. A verifier that does not fit, or none, which no honest client sends (NAT-19). And a second use, which
 * also ends what the first one was given (NAT-18): whichever of several is first, the others end its session, so of any
 * number of requests at once no handle is left.
 */
export function createRedeemCode({ codes, resources, session, now }: RedeemCodeDeps): Grant {
  return async function redeemCode(request) {
    const code = parseCode(required(request.params, 'code'))
    if (code === null) throw codeRefused({ reason: 'code_unknown' })
    const opened = await codes.open(code)
    if (opened === null) throw await session.replayed(code, request)
    const { grant, take } = opened
    requireFit(grant, request)
    const asked = narrowResources(grant.ask.resources, resources.read(request.params.getAll('resource')))
    if (!fitsChallenge(request.params.get('code_verifier') ?? '', grant.ask.answer.challenge)) {
      // Where another has spent it in this moment, this is a second use as well.
      throw (await take()) ? codeRefused({ reason: 'verifier_mismatch' }) : await session.replayed(code, request)
    }
    return await session.begin(code, { ...grant, ask: { ...grant.ask, resources: asked } }, take, request)
  }

  /** @throws {OAuthError} for what does not fit the code; it is not spent */
  function requireFit({ ask, approvedAt }: CodeGrant, { client, params }: TokenRequest): void {
    if (now() - approvedAt >= codeLifeMs) throw codeRefused({ reason: 'code_expired' })
    if (ask.clientId !== client.id) throw codeRefused({ reason: 'client_mismatch' })
    // Taken out of the configuration while the answer was on its way there. What a document says is not the operator's word.
    if (!isDocumentId(client.id) && !mayRedirect(client, ask.answer.redirectUri)) throw codeRefused({ reason: 'redirect_uri' })
    // OAuth 2.1 leaves it out of the token request; where it comes, it must be the same to the byte (NAT-20).
    const redirectUri = params.get('redirect_uri')
    if (redirectUri !== null && redirectUri !== ask.answer.redirectUri) throw codeRefused({ reason: 'redirect_uri' })
  }
}

/** RFC 7636 §4.6, in constant time. */
function fitsChallenge(verifier: string, challenge: string): boolean {
  return verifierForm.test(verifier) && isSame(challenge, hash('sha256', verifier, 'base64url'))
}
