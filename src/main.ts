import type { RequestListener, Server } from 'node:http'
import type { GatewayConfig } from './config/config.ts'
import { closeServer, createAdminServer, createForwardAuthServer, createPublicServer, listen, renewCertificate } from './listeners.ts'
import { type Running, startRunning } from './running.ts'

// How long running requests may take to finish once the program is asked to stop.
const graceMs = 10_000

/**
 * Loads the configuration, listens, reloads on SIGHUP and when a file of the configuration or a secret has changed, and
 * stops cleanly on SIGTERM and SIGINT. Resolves when it listens; what was opened is closed again when a port cannot be had.
 */
export async function serve(files: readonly string[]): Promise<void> {
  const running = startRunning(files, config => renewCertificate(server, config.listen))
  const { config } = running
  const server = createPublicServer(config.listen, (req, res) => running.gateway.handler(req, res))
  const ports = otherPorts(running, config)

  const close = async () => {
    running.gateway.drain()
    await Promise.all([server, ...ports.map(port => port.server)].map(one => closeServer(one, graceMs)))
    await running.close()
  }
  try {
    // The public port last: who is answered there finds everything running.
    for (const one of [...ports, { event: 'listening', server, where: config.listen }]) {
      const port = await listen(one.server, one.where)
      running.log.write('info', one.event, { host: one.where.host, port })
    }
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
  readonly event: string
  readonly server: Server
  readonly where: { readonly host: string; readonly port: number }
}

/** The ports that the configuration has beside the public one. A reload changes what is behind them, and not which there are. */
function otherPorts(running: Running, { admin, forwardAuth }: GatewayConfig): readonly Port[] {
  const ports: Port[] = []
  const current =
    (pick: 'adminHandler' | 'forwardAuthHandler'): RequestListener =>
    (req, res) =>
      running.gateway[pick]?.(req, res)
  if (admin !== undefined) ports.push({ event: 'admin_listening', server: createAdminServer(current('adminHandler')), where: admin })
  if (forwardAuth !== undefined) {
    const server = createForwardAuthServer(current('forwardAuthHandler'))
    ports.push({ event: 'forward_auth_listening', server, where: forwardAuth })
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
