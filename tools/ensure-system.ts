import { execFileSync, spawnSync } from 'node:child_process'
import { accessSync, constants, readFileSync } from 'node:fs'
import { join } from 'node:path'

// Makes sure that the programs the tests run are there: on Debian and Ubuntu as root it installs what is missing,
// anywhere else it says what to install and stops the run with exit code 2.

interface Program {
  /** Any of these commands will do. */
  readonly commands: readonly string[]
  /** Its Debian package. */
  readonly debian: string
  /** What it is for, and what it is called elsewhere. */
  readonly purpose: string
}

const programs: readonly Program[] = [
  { commands: ['redis-server'], debian: 'redis-server', purpose: 'the session store, tested against a real one (Redis 7 or newer)' },
  {
    // As test/support/browser.ts looks for it; its variable CHROMIUM names any other.
    commands: ['chromium', 'chromium-browser', 'google-chrome', process.env.CHROMIUM ?? ''],
    debian: 'chromium',
    purpose: 'the browser that signs in (or another Chromium, named in CHROMIUM)',
  },
  { commands: ['nginx'], debian: 'nginx', purpose: 'a proxy that asks by forward-auth (1.22 or newer, with auth_request)' },
  { commands: ['caddy'], debian: 'caddy', purpose: 'another (2.6 or newer)' },
  {
    commands: ['kubectl'],
    debian: 'kubernetes-client',
    purpose: 'what builds the Kubernetes manifests (1.27 or newer; no cluster is asked)',
  },
  { commands: ['haproxy'], debian: 'haproxy', purpose: 'another (2.6 or newer, with Lua)' },
]

const missing = programs.filter(program => !isInstalled(program))
if (missing.length > 0) {
  if (canInstall()) install(missing)
  const absent = programs.filter(program => !isInstalled(program))
  if (absent.length > 0) {
    console.error(explain(absent))
    process.exitCode = 2
  }
}
const tooOld = kubectlProblem()
if (tooOld !== null && process.exitCode === undefined) {
  console.error(tooOld)
  process.exitCode = 2
}

/** What is wrong with the kubectl that is there, if anything: its package in Debian 12 is years older than what `k8s/` is written for. */
function kubectlProblem(): string | null {
  const oldest = 27
  let minor: number
  try {
    const said = execFileSync('kubectl', ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const { clientVersion } = JSON.parse(said) as { clientVersion: { minor: string } }
    minor = Number.parseInt(clientVersion.minor, 10)
  } catch {
    // None at all is told above.
    return isExecutableAnywhere('kubectl') ? 'kubectl does not say its version: is it the program of Kubernetes?' : null
  }
  if (minor >= oldest) return null
  return [
    `The kubectl that is installed is 1.${minor}; the tests need 1.${oldest} or newer.`,
    "Debian 13 has one in its package kubernetes-client; Debian 12's is too old, and Ubuntu has none but a snap:",
    '  sudo snap install kubectl --classic',
    'or put a newer kubectl first on your PATH: https://kubernetes.io/docs/tasks/tools/',
  ].join('\n')
}

function isInstalled(program: Program): boolean {
  return program.commands.some(command => (command.includes('/') ? isExecutable(command) : isExecutableAnywhere(command)))
}

function isExecutableAnywhere(command: string): boolean {
  // Debian keeps servers in sbin, which is not on every user's PATH.
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin']
  return command !== '' && folders.some(folder => isExecutable(join(folder, command)))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function canInstall(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && isDebianLike() && isExecutable('/usr/bin/apt-get')
}

function isDebianLike(): boolean {
  try {
    return /^(ID|ID_LIKE)=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

function install(wanted: readonly Program[]): void {
  const packages = wanted.map(program => program.debian)
  console.error(`Installing for the tests: ${packages.join(' ')}`)
  // Another apt-get may hold the lock, as right after a machine's start.
  aptGet(['update', '-qq'])
  aptGet(['install', '-y', '-qq', '--no-install-recommends', ...packages])
}

function aptGet(args: readonly string[]): void {
  spawnSync('/usr/bin/apt-get', ['-o', 'DPkg::Lock::Timeout=600', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
}

function explain(absent: readonly Program[]): string {
  const names = absent.map(program => program.debian).join(' ')
  return [
    'The tests need programs that are not installed:',
    ...absent.map(program => `  ${program.debian}: ${program.purpose}`),
    '',
    'Debian, Ubuntu (as root, the tests do this themselves):',
    `  sudo apt-get update && sudo apt-get install --no-install-recommends ${names}`,
    'macOS:',
    `  brew install ${names.replace('redis-server', 'redis').replace('kubernetes-client', 'kubernetes-cli')}`,
  ].join('\n')
}
