import { type CallProgram, type ProgramResult, type SecretPlace, StoreTrouble } from './secret-place.ts'

const service = 'sallyport'

// `security` ends with the low byte of the OSStatus (SecBase.h).
const notFound = 44 // errSecItemNotFound, -25300
const lockedCodes = [36, 51, 128] // errSecInteractionNotAllowed -25308, errSecAuthFailed -25293, userCanceledErr -128

/** macOS's keychain, by the program that comes with the system. */
export function createMacKeychain(call: CallProgram, program = '/usr/bin/security'): SecretPlace {
  return {
    kind: 'keychain',
    description: 'macOS keychain',

    async load(account) {
      const result = await call(program, ['find-generic-password', '-s', service, '-a', account, '-w'], '')
      if (result.code === notFound) return null
      if (result.code !== 0) throw trouble(result)
      return result.out.trim()
    },

    async save(account, secret) {
      // Its commands can come over stdin, one a line (`-i`): as an argument the secret would be in `ps`.
      const command = `add-generic-password -U -s "${service}" -a "${account}" -l "Sallyport" -w "${secret}"\n`
      const result = await call(program, ['-i'], command)
      if (result.code !== 0) throw trouble(result)
    },

    async remove(account) {
      const result = await call(program, ['delete-generic-password', '-s', service, '-a', account], '')
      if (result.code === notFound) return false
      if (result.code !== 0) throw trouble(result)
      return true
    },
  }
}

function trouble({ code, problem }: ProgramResult): StoreTrouble {
  if (problem === 'ENOENT') return new StoreTrouble('absent', 'this machine has no /usr/bin/security')
  if (code !== null && lockedCodes.includes(code))
    return new StoreTrouble('locked', 'the macOS keychain is locked: run `security unlock-keychain`, as over SSH nothing asks for it')
  return new StoreTrouble('other', `the macOS keychain refused (security ended with ${code ?? problem})`)
}
