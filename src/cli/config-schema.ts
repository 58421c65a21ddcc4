import { parseArgs } from 'node:util'
import { createJsonSchema } from '../config/json-schema.ts'
import { printJson } from './terminal.ts'

/** `sallyport config schema`. `sallyport config schema > config/gateway.schema.json` brings that file up to date. */
export function printSchema(args: readonly string[]): number {
  parseArgs({ args: [...args], options: {} })
  printJson(createJsonSchema())
  return 0
}
