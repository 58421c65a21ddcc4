import { createFilePlace } from './credential-file.ts'
import { type CallProgram, type ProgramResult, type SecretPlace, StoreTrouble } from './secret-place.ts'

// Reads base64 from stdin and writes base64: no secret in an argument, no encoding to go wrong. -EncodedCommand, as
// quoting through CreateProcess is nobody's friend.
const script = (method: 'Protect' | 'Unprotect') => `
$ErrorActionPreference = 'Stop'
Add-Type -AssemblyName System.Security
$given = [Convert]::FromBase64String([Console]::In.ReadToEnd().Trim())
$made = [Security.Cryptography.ProtectedData]::${method}($given, $null, 'CurrentUser')
[Console]::Out.Write([Convert]::ToBase64String($made))
`

/**
 * Windows' Data Protection API: a file that only this user's sign-in can open, written by PowerShell, which every
 * Windows has. The Credential Manager would need native code.
 *
 * @param folder where the sealed files are
 */
export function createWindowsKeychain(call: CallProgram, folder: string, program = 'powershell.exe'): SecretPlace {
  const files = createFilePlace(folder)
  const nameOf = (account: string) => `${account}.dpapi`

  async function transform(method: 'Protect' | 'Unprotect', input: string): Promise<string> {
    const encoded = Buffer.from(script(method), 'utf16le').toString('base64')
    const result = await call(program, ['-NoProfile', '-NonInteractive', '-EncodedCommand', encoded], input)
    const made = result.out.trim()
    if (result.code !== 0 || !/^[A-Za-z0-9+/]+=*$/.test(made)) throw trouble(result)
    return made
  }

  return {
    kind: 'keychain',
    description: 'Windows Data Protection',

    async load(account) {
      const sealed = await files.load(nameOf(account))
      if (sealed === null) return null
      return Buffer.from(await transform('Unprotect', sealed), 'base64').toString('utf8')
    },

    async save(account, secret) {
      await files.save(nameOf(account), await transform('Protect', Buffer.from(secret, 'utf8').toString('base64')))
    },

    remove: account => files.remove(nameOf(account)),
  }
}

function trouble({ code, problem }: ProgramResult): StoreTrouble {
  if (problem === 'ENOENT') return new StoreTrouble('absent', 'this machine has no powershell.exe')
  return new StoreTrouble('other', `Windows Data Protection refused (PowerShell ended with ${code ?? problem ?? 'a signal'})`)
}
