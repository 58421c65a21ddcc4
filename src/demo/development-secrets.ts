import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DemoSecrets } from './gateway-config.ts'

// Beside src/ and dist/, whichever this runs from; config/gateway.dev.yaml knows it as ../.dev.
const defaultFolder = fileURLToPath(new URL('../../.dev/', import.meta.url))

/** The names of the files that config/gateway.dev.yaml refers to. */
const fileNames: Readonly<Record<keyof DemoSecrets, string>> = {
  CLIENT_SECRET: 'client-secret',
  COOKIE_KEY: 'cookie-key',
  SEALING_KEY: 'sealing-key',
}

/** New secrets for one run: 32 random bytes each, base64url. */
export function makeSecrets(): DemoSecrets {
  const secret = () => randomBytes(32).toString('base64url')
  return { CLIENT_SECRET: secret(), COOKIE_KEY: secret(), SEALING_KEY: secret() }
}

/** Writes the secrets where config/gateway.dev.yaml looks for them, in place of older ones; only the owner can read them. */
export function writeSecrets(secrets: DemoSecrets, folder: string = defaultFolder): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  for (const name of Object.keys(fileNames) as (keyof DemoSecrets)[]) {
    const file = join(folder, fileNames[name])
    // The mode counts only for a file that is made.
    rmSync(file, { force: true })
    writeFileSync(file, `${secrets[name]}\n`, { mode: 0o600, flag: 'wx' })
  }
}
