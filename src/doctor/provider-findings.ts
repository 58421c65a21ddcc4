import type { GatewayConfig, ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { createProvider } from '../oidc/create-provider.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { type Knock, KnockError, knock } from './knock.ts'

// Providers let tokens be this far in the future, most of them; ours is clockTolerance.
const skewMs = 5_000
const soonMs = 14 * 24 * 3_600_000

/** Looks at a provider as a sign-in would: its name, its certificate, its clock, its metadata. */
export async function findingsOfProvider(
  config: ProviderConfig,
  { servedOrigins: origins, paths }: GatewayConfig,
): Promise<readonly Finding[]> {
  const what = `provider ${config.id}`
  const findings: Finding[] = []
  try {
    const { origin, hostname } = new URL(config.issuer)
    const detour = config.connectTo
    const answer = await knock(detour ?? origin, {
      ca: config.tls?.ca,
      path: metadataPath(config.issuer),
      ...(detour?.startsWith('https:') && { servername: hostname }),
    })
    findings.push(...findingsOfKnock(what, answer))
  } catch (error) {
    if (!(error instanceof KnockError)) throw error
    return [problem(what, error.message)]
  }

  try {
    // What a sign-in asks first; it fetches and checks the metadata.
    await createProvider({ config, keepClaims: [], now: Date.now }).tellsAuthTime()
    const callbacks = origins.map(({ href }) => `${href}${paths.base}/callback/${config.id}`)
    findings.push(ok(what, `its metadata fits; it must know the redirect URIs ${callbacks.join(' ')}`))
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    findings.push(problem(what, `${error.message} (${error.reason ?? error.code})`))
  }
  return findings
}

function findingsOfKnock(what: string, { date, certificateEndsAt }: Knock): readonly Finding[] {
  const findings: Finding[] = []
  const behindMs = Date.now() - date
  if (Number.isNaN(date)) findings.push(ok(what, 'can be reached; it does not tell the time'))
  // Its header has whole seconds.
  else if (Math.abs(behindMs) > skewMs + 1_000) {
    const seconds = Math.round(Math.abs(behindMs) / 1_000)
    findings.push(
      problem(what, `its clock is ${seconds} s ${behindMs > 0 ? 'behind' : 'ahead of'} ours: tokens will be refused. Set both by NTP`),
    )
  } else findings.push(ok(what, 'can be reached, and its clock is ours'))
  if (certificateEndsAt !== null && certificateEndsAt - Date.now() < soonMs)
    findings.push(warning(what, `its certificate ends on ${new Date(certificateEndsAt).toISOString().slice(0, 10)}`))
  return findings
}

/** OpenID Connect Discovery §4. */
function metadataPath(issuer: string): string {
  return `${new URL(issuer).pathname.replace(/\/$/, '')}/.well-known/openid-configuration`
}
