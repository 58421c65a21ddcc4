import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { redirectUrl } from './authorization-url.ts'
import { idpUnavailable } from './errors.ts'
import type { Callback } from './provider.ts'

// What a sign-in that must not show a page may be told (OpenID Connect Core §3.1.2.6).
const silentRefusals = ['login_required', 'interaction_required', 'consent_required', 'account_selection_required']
const outages = ['server_error', 'temporarily_unavailable']

// RFC 7636 §4.1. The library leaves PKCE out when there is no verifier, so there has to be one.
const verifierForm = /^[A-Za-z0-9._~-]{43,128}$/

/**
 * Checks what the browser brought from the IdP, before anything is sent to the token endpoint. An error
 * answer stands the same checks as a code first (RFC 9207 §2): otherwise anybody could end a sign-in.
 *
 * @param announcesIss whether the metadata says that every answer names its issuer
 * @returns the callback's address with the parameters that count, for the library
 * @throws {GatewayError} `bad_request` (`parameter_repeated`, `attempt_incomplete`, `state_mismatch`,
 *   `issuer_mismatch`, `issuer_missing`, `code_missing`), `access_denied`, `idp_unavailable`
 */
export function checkCallback(config: ProviderConfig, callback: Callback, announcesIss: boolean): URL {
  const { query } = callback
  for (const name of ['state', 'iss', 'code', 'error']) {
    if (query.getAll(name).length > 1) throw refused('parameter_repeated', `"${name}" stands in the callback more than once`)
  }
  if (callback.state === '' || callback.nonce === '' || !verifierForm.test(callback.verifier)) {
    throw refused('attempt_incomplete', 'The sign-in attempt has lost its state, nonce or verifier')
  }
  if (query.get('state') !== callback.state) throw refused('state_mismatch', 'The state in the callback is not the attempt’s')
  const iss = query.get('iss')
  if (iss === null && announcesIss)
    throw refused('issuer_missing', 'The callback names no issuer, although the provider announces that it does')
  if (iss !== null && iss !== config.issuer)
    throw refused('issuer_mismatch', 'The callback names another issuer: a mix-up, or an attempt at one')
  const error = query.get('error')
  if (error !== null) throw errorAnswer(config, error)
  const code = query.get('code') ?? ''
  if (code === '') throw refused('code_missing', 'The callback holds neither a code nor an error')

  const url = redirectUrl(callback.redirectUri)
  url.search = new URLSearchParams({ code, state: callback.state, ...(iss === null ? {} : { iss }) }).toString()
  return url
}

function errorAnswer(config: ProviderConfig, error: string): GatewayError {
  if (outages.includes(error)) return idpUnavailable(config, error, `answered the authorization request with ${error}`)
  const isSilent = silentRefusals.includes(error)
  const what = isSilent ? `needs the person to act (${error})` : 'refused the authorization request'
  return new GatewayError('access_denied', `Provider "${config.id}" ${what}.`, { reason: isSilent ? error : 'denied_by_provider' })
}

function refused(reason: string, message: string): GatewayError {
  return new GatewayError('bad_request', `${message}.`, { reason })
}
