#!/usr/bin/env node
import { run } from './run.ts'
import { openTerminal } from './terminal.ts'

// `sallyport config schema | head` closes our output early, which is nobody's mistake.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
process.exitCode = await run(process.argv.slice(2), openTerminal())
