import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { GatewayDeps } from './assembly.ts'
import type { GatewayConfig } from './config/config.ts'
import { ConfigError } from './config/mistakes.ts'
import { createLog, describeFailure, type Log, type Output, openOutput } from './ops/log.ts'
import { createMetrics, type Metrics } from './ops/metrics.ts'
import { openStore } from './store/open-store.ts'
import type { StoreEvent } from './store/redis-health.ts'
import type { Store } from './store/store.ts'

/** What outlives a gateway: the next one gets it, where the configuration of it is the same. */
export interface Lasting {
  /** The process's own lines. */
  readonly log: Log
  readonly metrics: Metrics
  readonly deps: Required<Pick<GatewayDeps, 'store' | 'metrics' | 'logTo' | 'auditTo'>>
  /**
   * Opens in place of its own what is configured otherwise.
   *
   * @returns what closes the former, for when nobody uses it any more
   * @throws {ConfigError} when the audit's file cannot be written: then nothing has changed
   */
  adopt(config: GatewayConfig): () => Promise<void>
  /** For whoever rotates the audit's file. */
  reopen(): void
  close(): Promise<void>
}

/** @throws {ConfigError} when the audit's file cannot be written */
export function openLasting(first: GatewayConfig): Lasting {
  requireWritable(first.audit.output)
  const metrics = createMetrics({ now: Date.now })
  metrics.observeProcess()
  const logTo = openOutput('stdout')
  let config = first
  let log = openLog()
  let store = open()
  let auditTo = openAudit()

  function openLog(): Log {
    return createLog({ level: config.log.level, destination: logTo, now: Date.now, service: config.telemetry.serviceName })
  }

  function open(): Store {
    metrics.store(config.session.store.kind === 'memory')
    const opened = openStore(config.session.store, { now: Date.now, onEvent: (...told) => tellOfStore(opened, ...told) })
    return opened
  }

  /** Of a former store, which is used for a while yet, the log alone hears. */
  function tellOfStore(opened: Store, event: StoreEvent, detail: { readonly error: string }): void {
    if (opened === store && (event === 'up' || event === 'down')) metrics.store(event === 'up')
    log.write('warn', `store_${event}`, detail.error === '' ? {} : detail)
  }

  function openAudit(): Output {
    return openOutput(config.audit.output, error => log.write('error', 'audit_failed', describeFailure(error)))
  }

  return {
    metrics,
    get log() {
      return log
    },
    get deps() {
      return { store, metrics, logTo, auditTo }
    },
    adopt(next) {
      requireWritable(next.audit.output)
      const before = { config, store, auditTo }
      config = next
      log = openLog()
      const isSameStore = isDeepStrictEqual(before.config.session.store, config.session.store)
      const isSameOutput = isDeepStrictEqual(before.config.audit.output, config.audit.output)
      if (!isSameOutput) auditTo = openAudit()
      if (!isSameStore) store = open()
      return async () => {
        if (!isSameStore) await before.store.close()
        if (!isSameOutput) before.auditTo.end()
      }
    },
    reopen() {
      if (config.audit.output !== 'stdout') auditTo.reopen()
    },
    close: () => store.close(),
  }
}

/** Without it nobody would be told who did what. */
function requireWritable(output: GatewayConfig['audit']['output']): void {
  if (output === 'stdout') return
  try {
    mkdirSync(dirname(output.file), { recursive: true })
    closeSync(openSync(output.file, 'a'))
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new ConfigError([
      { path: ['audit', 'output', 'file'], message: `cannot be written (${code}): name a file that this user may write` },
    ])
  }
}
