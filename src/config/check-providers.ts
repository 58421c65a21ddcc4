import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { isPlaceholder } from './key-strength.ts'
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

/** Checks each provider for settings that contradict each other or are too weak. */
export function checkProviders({ providers }: Draft, report: Report): void {
  for (const [id, { scopes, clientAuth, loginParams = [], authorizationParams = {}, claims = {} }] of providers) {
    const path: ConfigPath = ['identityProviders', id]
    if (scopes?.includes('openid') === false) report([...path, 'scopes'], 'must include openid: without it there is no ID token')
    if (clientAuth !== undefined && isPlaceholder(clientAuth.secret)) {
      report([...path, 'clientAuth', 'secret'], 'is a placeholder: put in the secret that the provider gave')
    }
    loginParams.forEach((name, i) => {
      if (Object.hasOwn(authorizationParams, name)) {
        report([...path, 'loginParams', i], 'has a fixed value in authorizationParams: remove it from one of the two')
      }
    })
    checkClaims(claims, path, report)
  }
}

function checkClaims(claims: ProviderOptions['claims'], path: ConfigPath, report: Report): void {
  for (const [name, source] of Object.entries(claims)) {
    const at = [...path, 'claims', name]
    if (fixedClaims.includes(name) || name === 'provider') report(at, 'is always taken from its own place: remove it')
    // email_verified speaks of the provider's own `email`. An address from elsewhere would pass for verified.
    if ((name === 'email' || name === 'email_verified') && source.path !== undefined && source.path.join(' ') !== name) {
      report(
        [...at, 'path'],
        `must be [${name}], because allow rules rely on the two belonging together: give the other claim its own name`,
      )
    }
  }
}
