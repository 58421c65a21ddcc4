import { loadConfig } from './config/load.ts'
import { createGateway } from './gateway.ts'
import { closeServer, createPublicServer, listen } from './listeners.ts'

// How long running requests may take to finish once the program is asked to stop.
const graceMs = 10_000

/** Loads the configuration, listens, and stops cleanly on SIGTERM and SIGINT. Resolves when it listens. */
export async function serve(files: readonly string[]): Promise<void> {
  const config = loadConfig(files)
  const gateway = createGateway(config)
  const server = createPublicServer(config.listen, gateway.handler)
  const port = await listen(server, config.listen)
  gateway.log.write('info', 'listening', { host: config.listen.host, port })

  const stop = once(async () => {
    gateway.log.write('info', 'stopping')
    await closeServer(server, graceMs)
    await gateway.close()
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
