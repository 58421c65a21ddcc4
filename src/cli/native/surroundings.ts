import { existsSync, readFileSync } from 'node:fs'

/** What there is around this process. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  readonly platform: NodeJS.Platform
  /** Whether this is a container (Docker, Podman, Kubernetes). */
  readonly isContainer: boolean
  /** Windows Subsystem for Linux: no display of its own, but Windows' browser. */
  readonly isWsl: boolean
}

export function lookAround(env: NodeJS.ProcessEnv): Surroundings {
  const isLinux = process.platform === 'linux'
  return {
    env,
    platform: process.platform,
    isContainer: isLinux && (existsSync('/.dockerenv') || existsSync('/run/.containerenv') || env.KUBERNETES_SERVICE_HOST !== undefined),
    isWsl: isLinux && /microsoft/i.test(readKernel()),
  }
}

/**
 * Why the person's browser is not on this machine, in words that follow "this is"; null when it may well be. Then the
 * answer of the sign-in cannot come to a port of ours, and another way is shown first.
 */
export function whyNoBrowser({ env, platform, isContainer, isWsl }: Surroundings): string | null {
  const has = (name: string) => (env[name] ?? '') !== ''
  // Who names a browser knows better than we do.
  if (has('BROWSER')) return null
  if (has('SSH_CONNECTION') || has('SSH_TTY')) return 'an SSH session'
  if (has('CODESPACES') || has('REMOTE_CONTAINERS')) return 'a development container'
  if (has('CI')) return 'a CI job'
  if (isContainer) return 'a container'
  if (platform === 'linux' && !isWsl && !has('DISPLAY') && !has('WAYLAND_DISPLAY')) return 'a machine without a display'
  return null
}

function readKernel(): string {
  try {
    return readFileSync('/proc/sys/kernel/osrelease', 'utf8')
  } catch {
    return ''
  }
}
