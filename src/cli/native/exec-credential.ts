import { parseArgs } from 'node:util'
import { isoTime } from '../../http/iso-time.ts'
import { exitCode, printJson, type Terminal, UsageError } from '../terminal.ts'
import { herePlace } from './folders.ts'
import { findHeld, loginNeeded } from './held.ts'
import { gatewayOptions } from './profiles.ts'
import { askWho } from './whoami.ts'

const versions = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1']

/**
 * `sallyport exec-credential`: the handle, as kubectl takes it from a credential plugin. Never asks for a sign-in: kubectl
 * calls this from editors and in loops. The gateway is asked, because kubectl keeps what it gets until the time that stands
 * beside it, and calls again only after a 401.
 */
export async function execCredential(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: gatewayOptions })
  const apiVersion = readVersion(terminal.env.KUBERNETES_EXEC_INFO)
  const held = await findHeld(values, herePlace(terminal.env), Date.now())
  const who = await askWho(held, Date.now)
  if (who === null) throw loginNeeded(`the session at ${held.gateway} has ended`, held)
  const until = Math.min(who.idleExpiresAt, who.absoluteExpiresAt)
  printJson(terminal, { apiVersion, kind: 'ExecCredential', status: { token: held.handle, expirationTimestamp: isoTime(until) } })
  return exitCode.ok
}

/** The version that kubectl asks for; the current one when it does not say. */
function readVersion(info: string | undefined): string {
  if (info === undefined || info === '') return versions[0] ?? ''
  try {
    const { apiVersion } = JSON.parse(info) as { apiVersion?: unknown }
    const version = versions.find(known => known === apiVersion)
    if (version !== undefined) return version
  } catch {
    // As bad as a version that we do not know.
  }
  throw new UsageError(`KUBERNETES_EXEC_INFO does not ask for ${versions.join(' or ')}: set apiVersion in the kubeconfig`)
}
