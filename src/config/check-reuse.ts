import type { Evidence, Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { type ConfigPath, formatPath } from './mistakes.ts'
import { fingerprintOf } from './private-key.ts'

/** One key, one purpose: what leaks in one place must not open another (NHI-09). */
export function checkReuse({ session }: Draft, { clientAuths, keys, adminTokens, assertionKeys }: Evidence, report: Report): void {
  const seen = new Map<string, string>()
  for (const [id, clientAuth] of clientAuths) {
    if ('secret' in clientAuth) seen.set(fingerprint(clientAuth.secret), `identityProviders.${id}.clientAuth.secret`)
    if ('key' in clientAuth) seen.set(fingerprintOf(clientAuth.key), `identityProviders.${id}.clientAuth.key`)
  }
  const use = (path: ConfigPath, key: string) => {
    const other = seen.get(key)
    if (other === undefined) seen.set(key, formatPath(path))
    else report(path, `is the same key as ${other}: make another with sallyport keys generate`)
  }
  session.cookieKeys?.forEach((key, i) => {
    use(['session', 'cookieKeys', i], fingerprint(key.trim()))
  })
  for (const [i, { key }] of keys) use(['session', 'sealingKeys', i], key.toString('hex'))
  for (const [i, { token }] of adminTokens) use(['admin', 'tokens', i], fingerprint(token))
  for (const [i, { key }] of assertionKeys) use(['assertionKeys', i], fingerprintOf(key))
}

/** Equal for texts that are the same 32 bytes in different writing, as a cookie key made like a sealing key would be. */
function fingerprint(key: string): string {
  const bytes = /^[0-9a-f]{64}$/i.test(key)
    ? Buffer.from(key, 'hex')
    : /^[A-Za-z0-9+/_-]{43}=?$/.test(key)
      ? Buffer.from(key, 'base64')
      : Buffer.from(key)
  return bytes.toString('hex')
}
