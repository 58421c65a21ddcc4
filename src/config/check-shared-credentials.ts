import type { Report } from './checks.ts'
import type { ClientAuths } from './client-auth.ts'
import type { ClientAuth } from './config.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath } from './mistakes.ts'
import { fingerprintOf } from './private-key.ts'

/**
 * Checks that no two providers get the same credential: with it one could pass for us at the other (CAUTH-08, A-017;
 * draft-ietf-oauth-security-topics-update §2.1.2). Issuers of one origin are one party, such as two tenants of Entra
 * ID that know one client. A certificate may be shared: TLS proves its key to the one server only.
 */
export function checkSharedCredentials(providers: Draft['providers'], clientAuths: ClientAuths, report: Report): void {
  const seen = new Map<string, { readonly id: string; readonly origin: string }>()
  for (const [id, clientAuth] of clientAuths) {
    const origin = URL.parse(providers.get(id)?.issuer ?? '')?.origin
    const credential = credentialOf(clientAuth)
    if (origin === undefined || credential === null) continue
    const other = seen.get(credential.value)
    if (other === undefined) seen.set(credential.value, { id, origin })
    else if (other.origin !== origin) {
      const path: ConfigPath = ['identityProviders', id, 'clientAuth', ...credential.option]
      report(path, `is also what identityProviders.${other.id} gets, which could use it here: register another at each provider`)
    }
  }
}

/** What is the same for both when two of them share it; null for a method that hands out nothing. */
function credentialOf(clientAuth: ClientAuth): { readonly option: ConfigPath; readonly value: string } | null {
  switch (clientAuth.method) {
    case 'tls_client_auth':
      return null
    case 'client_assertion':
      return { option: ['assertion', 'file'], value: `file ${clientAuth.assertionFile}` }
    case 'private_key_jwt':
      return { option: ['key'], value: `key ${fingerprintOf(clientAuth.key)}` }
    default:
      return { option: ['secret'], value: `secret ${clientAuth.secret}` }
  }
}
