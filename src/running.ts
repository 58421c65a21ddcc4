import { isDeepStrictEqual } from 'node:util'
import type { GatewayConfig } from './config/config.ts'
import { loadConfig } from './config/load.ts'
import { ConfigError, type ConfigPath, describeMistake, formatPath } from './config/mistakes.ts'
import { createNewKeys } from './config/new-keys.ts'
import type { ReadSecret } from './config/read-secret.ts'
import { createFileWatch, modifiedAt, sightNow } from './config/watch-files.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { openLasting } from './lasting.ts'
import { describeFailure, type Log } from './ops/log.ts'
import type { Metrics } from './ops/metrics.ts'
import { createRetired } from './retired.ts'
import { repeat } from './session/watch.ts'

// Somebody may have put a file of another kind where the configuration was.
const mostMistakes = 20

/** The gateway of a process, and how another takes its place. */
export interface Running {
  /** The one that serves now. */
  readonly gateway: Gateway
  readonly config: GatewayConfig
  readonly log: Log
  readonly metrics: Metrics
  /**
   * Reads the configuration and its secrets anew, and lets another gateway serve. All or nothing: when anything is
   * wrong, the log says what, and all stays as it is.
   */
  reload(): void
  /** As {@link reload}, and opens the audit's file anew: what SIGHUP asks for. */
  rotate(): void
  close(): Promise<void>
}

/**
 * Loads the configuration and creates its gateway. When a file changes that was read for it, the next one takes over:
 * sessions and the store's connections go on, requests end where they began, and open streams are told to come again.
 *
 * @param onSwap told the configuration that counts from now on
 * @throws {ConfigError} when the first configuration is refused
 */
export function startRunning(files: readonly string[], onSwap: (config: GatewayConfig) => void): Running {
  let sightings = new Map<string, string>()
  let secrets: readonly ReadSecret[] = []
  let config = load()
  const newKeys = createNewKeys(config, Date.now)
  const lasting = openLasting(config)
  let gateway = create(config)
  const retired = createRetired(repeat)
  let promotion: NodeJS.Timeout | undefined
  const watch = createFileWatch({ onChange: reload, every: repeat })
  watch.watch(sightings)

  function load(): GatewayConfig {
    const seen = new Map<string, string>()
    const read: ReadSecret[] = []
    try {
      const loaded = loadConfig(files, process.env, (file, option) => {
        seen.set(file, sightNow(file))
        if (option !== null) read.push({ option: formatPath(option), modifiedAt: modifiedAt(file) })
      })
      sightings = seen
      secrets = read
      return loaded
    } catch (error) {
      // What is wrong may be mended in files that were not come to.
      sightings = new Map([...sightings, ...seen])
      throw error
    }
  }

  function create(next: GatewayConfig): Gateway {
    lasting.metrics.secrets(secrets)
    return createGateway(next, { ...lasting.deps, secrets })
  }

  function reload(): void {
    try {
      const next = load()
      refuseFixed(config, next)
      swap(next)
      lasting.log.write('info', 'reloaded')
    } catch (error) {
      tell(error)
    }
    watch.watch(sightings)
  }

  function swap(next: GatewayConfig): void {
    const closeFormer = lasting.adopt(next)
    // What is refused until here was never in use, and no key in it any older for that.
    const held = newKeys.hold(next)
    const before = gateway
    gateway = create(held.config)
    config = next
    onSwap(next)
    before.drain()
    retired.add(before, closeFormer)
    clearTimeout(promotion)
    if (held.until !== null) promotion = setTimeout(reload, held.until - Date.now() + 1).unref()
  }

  function tell(error: unknown): void {
    if (!(error instanceof ConfigError)) {
      lasting.log.write('error', 'reload_refused', describeFailure(error))
      return
    }
    for (const mistake of error.mistakes.slice(0, mostMistakes)) {
      lasting.log.write('error', 'reload_refused', { error: describeMistake(mistake) })
    }
  }

  return {
    get gateway() {
      return gateway
    },
    get config() {
      return config
    },
    get log() {
      return lasting.log
    },
    metrics: lasting.metrics,
    reload,
    rotate() {
      lasting.reopen()
      reload()
    },
    async close() {
      watch.close()
      clearTimeout(promotion)
      await Promise.all([gateway.close(), retired.close()])
      await lasting.close()
    },
  }
}

/** @throws {ConfigError} naming what only a restart can change: where the program listens, and the memory that holds the sessions */
function refuseFixed(before: GatewayConfig, next: GatewayConfig): void {
  const [fixed, wanted] = [fixedOf(before), fixedOf(next)]
  const mistakes = fixed
    .filter(([, value], i) => !isDeepStrictEqual(value, wanted[i]?.[1]))
    .map(([path]) => ({ path, message: 'has changed, which takes a restart: nothing of this configuration is in use' }))
  if (mistakes.length > 0) throw new ConfigError(mistakes)
}

function fixedOf({ listen, probes, admin, forwardAuth, session }: GatewayConfig): readonly (readonly [ConfigPath, unknown])[] {
  return [
    [['listen', 'host'], listen.host],
    [['listen', 'port'], listen.port],
    [['listen', 'maxConnections'], listen.maxConnections],
    [['listen', 'tls'], listen.tls !== undefined],
    [['probes'], probes && [probes.host, probes.port]],
    [['admin'], admin && [admin.host, admin.port]],
    [['forwardAuth'], forwardAuth && [forwardAuth.host, forwardAuth.port]],
    [['session', 'store', 'kind'], session.store.kind === 'memory'],
  ]
}
