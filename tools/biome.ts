import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import toolchain from './node/package.json' with { type: 'json' }

// Runs the formatter and linter with the arguments given.
//
// Biome's own package lists a binary for every platform, and a lock file that names one the registry does not
// have cannot be installed by `npm ci`. So tools/node names the platform packages alone, and those bring no
// command of their own.
const platform = `@biomejs/cli-${process.platform}-${process.arch}`
const version = toolchain.optionalDependencies['@biomejs/cli-linux-x64']

try {
  const binary = createRequire(import.meta.url).resolve(`${platform}/biome`)
  // Left to itself it colours a CI's log too.
  const colors = process.stdout.isTTY ? [] : ['--colors=off']
  process.exitCode = spawnSync(binary, [...process.argv.slice(2), ...colors], { stdio: 'inherit' }).status ?? 1
} catch {
  console.error(`The formatter is not installed for this platform. To have it: npm i --no-save ${platform}@${version}`)
  process.exitCode = 2
}
