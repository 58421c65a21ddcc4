#!/usr/bin/env node
import { run } from './run.ts'
import { openTerminal } from './terminal.ts'

process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
  // `sallyport config schema | head` closes our output early, which is nobody's mistake.
  if (code === 'EPIPE') process.exit(0)
  process.stderr.write(`sallyport: the answer cannot be written (${code})\n`)
  process.exit(1)
})
// Remarks that nobody reads stop nothing: there may be a handle to store, or to revoke.
process.stderr.on('error', () => {})
process.exitCode = await run(process.argv.slice(2), openTerminal())
