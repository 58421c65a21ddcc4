import { parseArgs } from 'node:util'
import { loadConfig } from '../config/load.ts'
import { ConfigError, formatPath, type Mistake } from '../config/mistakes.ts'
import { configFiles, configOption } from './config-files.ts'
import { printJson, type Terminal } from './terminal.ts'

/** `sallyport config check`: 0 for a configuration with which the gateway would start, 2 for one it would refuse. */
export function checkConfig(args: readonly string[], terminal: Terminal): number {
  const { values } = parseArgs({ args: [...args], options: { ...configOption, json: { type: 'boolean', default: false } } })
  const files = configFiles(values.config, terminal.env)
  try {
    const { origins, identityProviders, routes } = loadConfig(files, terminal.env)
    const found = { origins: origins.length, identityProviders: identityProviders.length, routes: routes.length }
    if (values.json) printJson(terminal, { ok: true, files, ...found })
    else
      terminal.print(
        `ok: ${count(found.origins, 'origin')}, ${count(found.identityProviders, 'identity provider')}, ${count(found.routes, 'route')}`,
      )
    return 0
  } catch (error) {
    if (!(error instanceof ConfigError) || !values.json) throw error
    printJson(terminal, { ok: false, files, mistakes: error.mistakes.map(describeMistake) })
    return 2
  }
}

function describeMistake({ file, line, column, path, message }: Mistake) {
  return { file, line, column, path: formatPath(path), message }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`
}
