import { checkProviderTls } from './check-provider-tls.ts'
import { checkSharedCredentials } from './check-shared-credentials.ts'
import type { Evidence, Report } from './checks.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath } from './mistakes.ts'
import type { ProviderOptions } from './schema-provider.ts'

/** Claims that say which token this is, and whose: read from where their specifications put them, from nowhere else. */
const fixedClaims = [
  'iss',
  'sub',
  'aud',
  'azp',
  'exp',
  'iat',
  'nbf',
  'jti',
  'nonce',
  'at_hash',
  'c_hash',
  's_hash',
  'sid',
  'auth_time',
  'acr',
  'amr',
]

/** What stands in identity headers under these names, a session says. */
const ownClaims = ['provider', 'client_id', 'act']

/** Checks each provider for settings that contradict each other or are too weak, and what two of them share. */
export function checkProviders({ providers, session, isUnreadable }: Draft, { clientAuths, now }: Evidence, report: Report): void {
  checkSharedCredentials(providers, clientAuths, report)
  for (const [id, options] of providers) {
    const { scopes, loginParams = [], authorizationParams = {}, claims = {} } = options
    const path: ConfigPath = ['identityProviders', id]
    if (scopes?.includes('openid') === false) report([...path, 'scopes'], 'must include openid: without it there is no ID token')
    // CKE-04: the form comes from the provider's site, and a cookie that goes along with it must be Secure (6265bis §5.7).
    if (options.responseMode === 'form_post' && session.cookie?.insecure === true)
      report([...path, 'responseMode'], 'cannot be form_post with session.cookie.insecure, because it needs Secure cookies: use query')
    if (!isUnreadable([...path, 'tls'])) checkProviderTls(options, path, now, report)
    loginParams.forEach((name, i) => {
      if (Object.hasOwn(authorizationParams, name)) {
        report([...path, 'loginParams', i], 'has a fixed value in authorizationParams: remove it from one of the two')
      }
    })
    // What is asked for is compared with what comes (IDT-11), so it must be a number here already.
    const { max_age: maxAge } = authorizationParams
    if (maxAge !== undefined && !/^(0|[1-9]\d{0,7})$/.test(maxAge))
      report([...path, 'authorizationParams', 'max_age'], "must be whole seconds in quotes, up to a year: '3600'")
    checkClaims(claims, path, report)
  }
}

function checkClaims(claims: ProviderOptions['claims'], path: ConfigPath, report: Report): void {
  for (const [name, source] of Object.entries(claims)) {
    const at = [...path, 'claims', name]
    if (fixedClaims.includes(name) || ownClaims.includes(name)) report(at, 'is always taken from its own place: remove it')
    // email_verified speaks of the provider's own `email`. An address from elsewhere would pass for verified.
    if ((name === 'email' || name === 'email_verified') && source.path !== undefined && source.path.join(' ') !== name) {
      report(
        [...at, 'path'],
        `must be [${name}], because allow rules rely on the two belonging together: give the other claim its own name`,
      )
    }
  }
}
