import { spawn } from 'node:child_process'
import { httpsProblem } from '../../config/hosts.ts'
import type { Surroundings } from './surroundings.ts'

/** A program and its arguments, the address among them. */
export type BrowserCommand = readonly [string, ...string[]]

// One that fails does so at once; one that works either ends soon or stays, as a browser started by hand does.
const settleMs = 3000

/**
 * The commands that may open an address in the person's own browser, the best first. Never by a shell: addresses come
 * from a server (CVE-2025-6514).
 */
function browserCommands({ env, platform, isWsl }: Surroundings, url: string): readonly BrowserCommand[] {
  const named = (env.BROWSER ?? '').trim()
  if (named !== '') {
    const [program = '', ...args] = named.split(/\s+/)
    return [args.includes('%s') ? [program, ...args.map(arg => (arg === '%s' ? url : arg))] : [program, ...args, url]]
  }
  if (platform === 'darwin') return [['open', url]]
  if (platform === 'win32') return [['rundll32.exe', 'url.dll,FileProtocolHandler', url]]
  return isWsl
    ? [
        ['wslview', url],
        ['rundll32.exe', 'url.dll,FileProtocolHandler', url],
        ['xdg-open', url],
      ]
    : [['xdg-open', url]]
}

/**
 * Opens an address of the gateway in the person's browser.
 *
 * @returns whether a command for it was found and did not fail
 * @throws {TypeError} for an address that a browser must not be sent to
 */
export async function openBrowser(surroundings: Surroundings, url: string): Promise<boolean> {
  if (httpsProblem(url) !== null) throw new TypeError('a browser is sent to https, or to this machine')
  for (const command of browserCommands(surroundings, url)) if (await start(command)) return true
  return false
}

function start([program, ...args]: BrowserCommand): Promise<boolean> {
  return new Promise(resolve => {
    // Detached, so that Ctrl-C here does not close a browser that was started for this.
    const child = spawn(program, args, { stdio: 'ignore', detached: true, windowsHide: true })
    const timer = setTimeout(() => settle(true), settleMs).unref()
    function settle(hasOpened: boolean): void {
      clearTimeout(timer)
      resolve(hasOpened)
    }
    child.on('error', () => settle(false))
    child.on('exit', code => settle(code === 0))
    child.unref()
  })
}
