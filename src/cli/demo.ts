import { CommandError, exitCode } from './terminal.ts'

/** `sallyport demo`. Imported late: the demo and its provider are not part of the image and the published package. */
export async function demo(args: readonly string[]): Promise<number> {
  const program = await import('../demo/main.ts').catch(explain)
  await program.demo(args)
  return 0
}

function explain(error: NodeJS.ErrnoException): never {
  if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error
  throw new CommandError('the demo is not part of the image or the package: run it in the repository, npm run demo', exitCode.other)
}
