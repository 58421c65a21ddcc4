import { parseArgs } from 'node:util'
import { collectPassingBuffersYoung } from '../ops/passing-buffers.ts'
import { configFiles, configOption } from './config-files.ts'
import type { Terminal } from './terminal.ts'

/** `sallyport serve`: resolves when the gateway listens; it then runs until it is told to stop. */
export async function serve(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: configOption })
  const files = configFiles(values.config, terminal.env)
  collectPassingBuffersYoung()
  const server = await import('../main.ts')
  await server.serve(files)
  return 0
}
