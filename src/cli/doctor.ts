import { parseArgs } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { formatPath } from '../config/mistakes.ts'
import { findingsOfFiles } from '../doctor/file-findings.ts'
import type { Finding } from '../doctor/finding.ts'
import { findingsOfFront } from '../doctor/front-findings.ts'
import { findingsOfProvider } from '../doctor/provider-findings.ts'
import { findingsOfStore } from '../doctor/store-findings.ts'
import { findingsOfUpstreams } from '../doctor/upstream-findings.ts'
import { configFiles, configOption } from './config-files.ts'
import { exitCode, printJson, type Terminal } from './terminal.ts'

const signs = { ok: 'ok     ', warning: 'WARNING', problem: 'PROBLEM' } as const

/**
 * `sallyport doctor`: looks at everything that a gateway with this configuration would talk to, from this machine. 0
 * when it could do its work, 1 when it could not, 2 when the configuration is refused.
 */
export async function diagnose(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { ...configOption, json: { type: 'boolean', default: false } } })
  const secretFiles: { file: string; option: string }[] = []
  const config = loadConfig(configFiles(values.config, terminal.env), terminal.env, (file, option) => {
    if (option !== null && !/certificate|\.(ca|cert)$/.test(formatPath(option))) secretFiles.push({ file, option: formatPath(option) })
  })
  terminal.remark('Looking at providers, store, upstreams and the way to browsers ...')

  const findings: readonly Finding[] = [
    ...findingsOfFiles(secretFiles),
    ...(
      await Promise.all([
        ...config.identityProviders.map(provider => findingsOfProvider(provider, config)),
        findingsOfStore(config.session.store),
        findingsOfUpstreams(config),
        findingsOfFront(config),
      ])
    ).flat(),
  ]
  const isWell = findings.every(({ state }) => state !== 'problem')
  if (values.json) printJson(terminal, { ok: isWell, findings })
  else for (const { what, state, message } of findings) terminal.print(`${signs[state]}  ${what}: ${message}`)
  return isWell ? exitCode.ok : exitCode.other
}
