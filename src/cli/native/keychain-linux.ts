import { type CallProgram, type ProgramResult, type SecretPlace, StoreTrouble } from './secret-place.ts'

/** The Secret Service of a Linux desktop (GNOME Keyring, KWallet, KeePassXC), by libsecret's `secret-tool`. */
export function createLinuxKeychain(call: CallProgram, program = 'secret-tool'): SecretPlace {
  const attributes = (account: string) => ['service', 'sallyport', 'account', account]

  async function load(account: string): Promise<string | null> {
    const result = await call(program, ['lookup', ...attributes(account)], '')
    if (result.code === 0) return result.out.trim()
    if (result.code !== 1 || result.err.trim() !== '') throw trouble(result)
    // It says nothing of an item that is not there, and nothing of one in a locked keyring; a search names the latter.
    const search = await call(program, ['search', ...attributes(account)], '')
    if (search.out.trim() !== '') throw locked()
    return null
  }

  return {
    kind: 'keychain',
    description: 'Secret Service keyring',
    load,

    async save(account, secret) {
      // It reads the secret from stdin when that is no terminal.
      const result = await call(program, ['store', '--label=Sallyport', ...attributes(account)], secret)
      if (result.code !== 0) throw trouble(result)
    },

    async remove(account) {
      // `clear` does not say whether it found something.
      if ((await load(account)) === null) return false
      const result = await call(program, ['clear', ...attributes(account)], '')
      if (result.code !== 0) throw trouble(result)
      return true
    },
  }
}

function trouble({ code, problem, err }: ProgramResult): StoreTrouble {
  if (problem === 'ENOENT') return new StoreTrouble('absent', 'secret-tool is not installed (Debian: libsecret-tools)')
  // What the D-Bus library and daemon say where nobody answers for org.freedesktop.secrets.
  if (/was not provided by any|ServiceUnknown|autolaunch|DBUS_SESSION_BUS_ADDRESS|Could not connect/i.test(err))
    return new StoreTrouble('absent', 'no keyring answers on the session bus')
  if (/lock|dismissed|prompt/i.test(err)) return locked()
  return new StoreTrouble('other', `the keyring refused (secret-tool ended with ${code ?? problem ?? 'a signal'})`)
}

function locked(): StoreTrouble {
  return new StoreTrouble('locked', 'the keyring is locked: unlock it, as by signing in to the desktop')
}
