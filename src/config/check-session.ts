import { checkStore } from './check-store.ts'
import type { Evidence, Report } from './checks.ts'
import type { ClientAuths } from './client-auth.ts'
import type { Draft } from './draft.ts'
import { keyPairProblem } from './key-pair.ts'
import { cookieKeyProblem } from './key-strength.ts'
import type { Keys } from './keys.ts'
import { type ConfigPath, formatPath } from './mistakes.ts'

/** Checks the store, the deadlines and the keys; and the listener's certificate against its key. */
export function checkSession({ sections, session }: Draft, { keys, clientAuths }: Evidence, report: Report): void {
  const { store, idleTimeout, absoluteTimeout, cookieKeys = [], sealingKeys = [] } = session
  if (store !== undefined) checkStore(store, report)
  if (idleTimeout !== undefined && absoluteTimeout !== undefined && idleTimeout > absoluteTimeout) {
    report(['session', 'idleTimeout'], 'is longer than absoluteTimeout, so it would never matter: make it shorter')
  }
  cookieKeys.forEach((key, i) => {
    const problem = cookieKeyProblem(key.trim())
    if (problem !== null) report(['session', 'cookieKeys', i], problem)
  })
  sealingKeys.forEach(({ id }, i) => {
    const first = sealingKeys.findIndex(other => other.id === id)
    if (first < i) report(['session', 'sealingKeys', i, 'id'], `is also the id of sealingKeys[${first}]: every key needs its own`)
  })
  checkReuse(clientAuths, cookieKeys, keys, report)
  const tls = sections.listen?.tls
  const problem = tls === undefined ? null : keyPairProblem(tls, 'listen.tls.cert')
  if (problem !== null) report(['listen', 'tls', 'key'], problem)
}

/** One key, one purpose: what leaks in one place must not open another (NHI-09). */
function checkReuse(clientAuths: ClientAuths, cookieKeys: readonly string[], keys: Keys, report: Report): void {
  const seen = new Map<string, string>()
  for (const [id, clientAuth] of clientAuths) {
    if ('secret' in clientAuth) seen.set(fingerprint(clientAuth.secret), `identityProviders.${id}.clientAuth.secret`)
  }
  const use = (path: ConfigPath, key: string) => {
    const other = seen.get(key)
    if (other === undefined) seen.set(key, formatPath(path))
    else report(path, `is the same key as ${other}: make another with sallyport keys generate`)
  }
  cookieKeys.forEach((key, i) => {
    use(['session', 'cookieKeys', i], fingerprint(key.trim()))
  })
  for (const [i, { key }] of keys) use(['session', 'sealingKeys', i], key.toString('hex'))
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
