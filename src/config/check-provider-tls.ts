import { checkClientCertificate } from './check-client-certificate.ts'
import type { Report } from './checks.ts'
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
  checkClientCertificate(tls, [...path, 'tls'], now, report)

  if (clientAuth?.method !== 'tls_client_auth') return
  const method = [...path, 'clientAuth', 'method']
  if (cert === undefined && key === undefined) report(method, 'needs our certificate with tls_client_auth: add tls.cert and tls.key')
  // Without TLS nobody would ask for the certificate, and nobody would prove anything.
  const [name, address] = connectTo === undefined ? ['issuer', issuer] : ['connectTo', connectTo]
  if (address?.startsWith('http:')) report(method, `needs an https address in ${name} with tls_client_auth`)
}
