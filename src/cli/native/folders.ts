import { homedir, userInfo } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { CommandError, exitCode } from '../terminal.ts'

/** Where the person's own files are: what the machine is, its variables, and the home folder. */
export interface Place {
  readonly platform: NodeJS.Platform
  readonly env: NodeJS.ProcessEnv
  readonly home: string
}

/** The place of this process. */
export function herePlace(env: NodeJS.ProcessEnv): Place {
  // Not asked for where variables name all that is needed: an account made for a container may have none.
  return {
    platform: process.platform,
    env,
    get home() {
      return ownHome()
    },
  }
}

/** Never the working directory, as which an empty HOME would be taken. */
function ownHome(): string {
  for (const find of [homedir, () => userInfo().homedir]) {
    try {
      const home = find()
      if (isAbsolute(home)) return home
    } catch {
      // The system knows of no such user.
    }
  }
  throw new CommandError('this user has no home folder to keep anything in: set HOME', exitCode.notStored)
}

/** The folder for the profiles, which hold no secret. */
export function configFolder(place: Place): string {
  return join(baseFolder(place, 'XDG_CONFIG_HOME', '.config', 'APPDATA', 'Roaming'), 'sallyport')
}

/** The folder for credentials in files, locks and sign-ins that are under way. */
export function stateFolder(place: Place): string {
  return join(baseFolder(place, 'XDG_STATE_HOME', join('.local', 'state'), 'LOCALAPPDATA', 'Local'), 'sallyport')
}

/** XDG's variable wins on every system: who sets it on macOS wants it, and tests need it. */
function baseFolder({ platform, env, home }: Place, xdg: string, unix: string, windows: string, windowsFolder: string): string {
  const named = env[xdg]
  // The specification says to ignore relative paths.
  if (named?.startsWith('/')) return named
  if (platform === 'win32') return env[windows] ?? join(home, 'AppData', windowsFolder)
  return platform === 'darwin' ? join(home, 'Library', 'Application Support') : join(home, unix)
}
