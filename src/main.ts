import type { Server } from 'node:http'
import type { GatewayConfig } from './config/config.ts'
import { ConfigError } from './config/mistakes.ts'
import {
  closeServer,
  createAdminServer,
  createForwardAuthServer,
  createProbesServer,
  createPublicServer,
  listen,
  renewPublicServer,
} from './listeners.ts'
import { collectWhatStartLeft } from './ops/collect-start.ts'
import { createProbes } from './ops/probes.ts'
import { type Running, startRunning } from './running.ts'

// How long running requests may take to finish once the program is asked to stop.
const graceMs = 10_000

/**
 * Loads the configuration, listens, reloads on SIGHUP and when a file of the configuration or a secret has changed, and
 * stops cleanly on SIGTERM and SIGINT. Resolves when it listens; what was opened is closed again when a port cannot be had.
 */
export async function serve(files: readonly string[]): Promise<void> {
  const running = startRunning(files, config => renewPublicServer(server, config.listen))
  const { config } = running
  const server = createPublicServer(config.listen, (req, res) => running.gateway.handler(req, res), {
    upgrade: (...handshake) => running.gateway.upgrade(...handshake),
    onRefused: () => running.log.write('warn', 'connections_full'),
  })
  let isReady = false
  const probes = createProbesServer(createProbes({ metrics: running.metrics, isReady: () => isReady }))
  const ports: readonly Port[] = [
    ...otherPorts(running, config),
    // Last: who is answered there finds everything running.
    { option: 'listen', server, where: config.listen, tell: at => running.log.write('info', 'listening', at) },
  ]

  const close = async () => {
    isReady = false
    running.gateway.drain()
    await Promise.all(ports.map(port => closeServer(port.server, graceMs)))
    await running.close()
    // To the last it says that this replica is to be left alone.
    await closeServer(probes, 0)
  }
  try {
    await collectWhatStartLeft()
    if (config.probes !== undefined) {
      const port = await listenAt('probes', probes, config.probes)
      running.log.write('info', 'probes_listening', { host: config.probes.host, port })
    }
    for (const { option, server, where, tell } of ports) tell({ host: where.host, port: await listenAt(option, server, where) })
    isReady = true
  } catch (error) {
    await close()
    throw error
  }

  const stop = once(() => {
    running.log.write('info', 'stopping')
    return close()
  })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
  process.on('SIGHUP', running.rotate)
}

interface Port {
  /** The section of the configuration. */
  readonly option: string
  readonly server: Server
  readonly where: { readonly host: string; readonly port: number }
  readonly tell: (at: { readonly host: string; readonly port: number }) => void
}

/** @throws {ConfigError} when the address cannot be had */
async function listenAt(option: string, server: Server, where: Port['where']): Promise<number> {
  try {
    return await listen(server, where)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const message = addressProblems[code ?? ''] ?? `cannot be listened on (${code})`
    throw new ConfigError([{ path: [option, 'port'], message: `${where.host}:${where.port} ${message}` }])
  }
}

const addressProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken: stop the program that listens there, or choose another port',
  EADDRNOTAVAIL: 'is no address of this machine',
  EACCES: 'may not be listened on by this user: choose a port from 1024 on',
}

/** The ports beside the public one. A reload changes what is behind them, and not which there are. */
function otherPorts(running: Running, { admin, forwardAuth }: GatewayConfig): readonly Port[] {
  const ports: Port[] = []
  if (admin !== undefined) {
    const server = createAdminServer((req, res) => running.gateway.adminHandler?.(req, res))
    ports.push({ option: 'admin', server, where: admin, tell: at => running.log.write('info', 'admin_listening', at) })
  }
  if (forwardAuth !== undefined) {
    const server = createForwardAuthServer((req, res) => running.gateway.forwardAuthHandler?.(req, res))
    ports.push({ option: 'forwardAuth', server, where: forwardAuth, tell: at => running.log.write('info', 'forward_auth_listening', at) })
  }
  return ports
}

function once(run: () => Promise<void>): () => void {
  let isRunning = false
  return () => {
    if (isRunning) return
    isRunning = true
    void run()
  }
}
