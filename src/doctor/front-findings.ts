import { X509Certificate } from 'node:crypto'
import type { GatewayConfig, Origin } from '../config/config.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { KnockError, knock } from './knock.ts'

const soonMs = 14 * 24 * 3_600_000

/** Looks at the gateway from where browsers stand, as far as this machine can: names, certificates, the proxy in front. */
export async function findingsOfFront(config: GatewayConfig): Promise<readonly Finding[]> {
  const { listen, servedOrigins: origins, native } = config
  const findings: Finding[] = []
  if (listen.tls !== undefined) {
    const endsAt = new X509Certificate(listen.tls.cert).validToDate.getTime()
    if (endsAt - Date.now() < soonMs)
      findings.push(warning('listen.tls', `the certificate ends on ${new Date(endsAt).toISOString().slice(0, 10)}: renew it`))
  } else if (origins.some(origin => origin.isSecure) && listen.trustedProxies.length === 0) {
    findings.push(
      warning(
        'listen.trustedProxies',
        'is empty, and something in front ends TLS: the audit will have its address in place of the client’s. List it, if it sets X-Forwarded-For itself',
      ),
    )
  }
  if (native !== undefined && !native.hasOwnOrigin) {
    findings.push(
      warning(
        'native.origin',
        'is not set, so people approve programs on the origin of the applications: a script that gets into one of those could approve as them. Give it a host name of its own',
      ),
    )
  }
  return [...findings, ...(await Promise.all(origins.map(origin => findingOfOrigin(origin, config))))]
}

/** Nobody has to run yet: that is no problem. Somebody else answering there is one. */
async function findingOfOrigin({ href }: Origin, { paths }: GatewayConfig): Promise<Finding> {
  const what = `origin ${href}`
  try {
    const { status, headers, body } = await knock(href, { path: `${paths.base}/session` })
    const code = headers['sallyport-error']
    if (code === 'wrong_authority')
      return problem(what, 'a gateway answers, and does not know this name: pass Host on as the browser sent it')
    if (code !== undefined || (status === 200 && body.includes('"authenticated"'))) return ok(what, 'a gateway answers there')
    return warning(what, `something else answers at ${paths.base}/session (${status}): does the proxy send all paths to the gateway?`)
  } catch (error) {
    if (!(error instanceof KnockError)) throw error
    return warning(what, `from here: ${error.message}`)
  }
}
