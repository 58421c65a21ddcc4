import { parseArgs } from 'node:util'
import { createJsonSchema } from '../config/json-schema.ts'
import { printJson, type Terminal } from './terminal.ts'

/** `sallyport config schema`. `sallyport config schema > config/gateway.schema.json` brings that file up to date. */
export function printSchema(args: readonly string[], terminal: Terminal): number {
  parseArgs({ args: [...args], options: {} })
  printJson(terminal, createJsonSchema())
  return 0
}
