import { loadConfig } from './config/load.ts'
import { createGateway } from './gateway.ts'
import { closeServer, createAdminServer, createForwardAuthServer, createPublicServer, listen } from './listeners.ts'

// How long running requests may take to finish once the program is asked to stop.
const graceMs = 10_000

/**
 * Loads the configuration, listens, and stops cleanly on SIGTERM and SIGINT. Resolves when it listens; what was opened
 * is closed again when a port cannot be had.
 */
export async function serve(files: readonly string[]): Promise<void> {
  const config = loadConfig(files)
  const gateway = createGateway(config)
  const server = createPublicServer(config.listen, gateway.handler, gateway.upgrade)
  const admin = gateway.adminHandler === null ? null : createAdminServer(gateway.adminHandler)
  const forwardAuth = gateway.forwardAuthHandler === null ? null : createForwardAuthServer(gateway.forwardAuthHandler)

  const close = async () => {
    gateway.drain()
    await Promise.all([server, admin, forwardAuth].map(one => one && closeServer(one, graceMs)))
    await gateway.close()
  }
  try {
    // The public port last: who is answered there finds everything running.
    if (admin !== null && config.admin !== undefined) {
      const port = await listen(admin, config.admin)
      gateway.log.write('info', 'admin_listening', { host: config.admin.host, port })
    }
    if (forwardAuth !== null && config.forwardAuth !== undefined) {
      const port = await listen(forwardAuth, config.forwardAuth)
      gateway.log.write('info', 'forward_auth_listening', { host: config.forwardAuth.host, port })
    }
    const port = await listen(server, config.listen)
    gateway.log.write('info', 'listening', { host: config.listen.host, port })
  } catch (error) {
    await close()
    throw error
  }

  const stop = once(() => {
    gateway.log.write('info', 'stopping')
    return close()
  })
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

function once(run: () => Promise<void>): () => void {
  let isRunning = false
  return () => {
    if (isRunning) return
    isRunning = true
    void run()
  }
}
