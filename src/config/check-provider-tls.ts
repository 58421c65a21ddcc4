import type { Report } from './checks.ts'
import { keyPairProblem, validityProblem } from './key-pair.ts'
import type { ConfigPath } from './mistakes.ts'
import type { ProviderOptions } from './schema-provider.ts'

/** Checks the certificate that we show to a provider, and that there is one where it is how we prove who we are. */
export function checkProviderTls(
  { issuer, connectTo, clientAuth, tls = {} }: Partial<ProviderOptions>,
  path: ConfigPath,
  now: number,
  report: Report,
): void {
  const { cert, key } = tls
  const at = [...path, 'tls']
  if ((cert === undefined) !== (key === undefined))
    report(at, `needs ${cert === undefined ? 'cert' : 'key'}: { file: path } beside ${cert === undefined ? 'key' : 'cert'}`)
  if (cert !== undefined && key !== undefined) {
    const problem = keyPairProblem({ cert, key }, `${at.join('.')}.cert`)
    if (problem !== null) report([...at, 'key'], problem)
  }
  const invalid = cert === undefined ? null : validityProblem(cert, now)
  if (invalid !== null) report([...at, 'cert'], invalid)

  if (clientAuth?.method !== 'tls_client_auth') return
  const method = [...path, 'clientAuth', 'method']
  if (cert === undefined && key === undefined) report(method, 'needs our certificate with tls_client_auth: add tls.cert and tls.key')
  // Without TLS nobody would ask for the certificate, and nobody would prove anything.
  const [name, address] = connectTo === undefined ? ['issuer', issuer] : ['connectTo', connectTo]
  if (address?.startsWith('http:')) report(method, `needs an https address in ${name} with tls_client_auth`)
}
