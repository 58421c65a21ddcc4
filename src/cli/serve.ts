import { parseArgs } from 'node:util'
import { configFiles, configOption } from './config-files.ts'

/** `sallyport serve`: resolves when the gateway listens; it then runs until it is told to stop. */
export async function serve(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: configOption })
  const files = configFiles(values.config)
  const server = await import('../main.ts')
  await server.serve(files)
  return 0
}
