import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server of a test that is up. */
export interface Listening {
  /** Its origin, such as `http://127.0.0.1:40123`. */
  readonly origin: string
  /** Stops it at once: open connections are cut. */
  close(): Promise<void>
}

/** Starts to listen on loopback, on a port of the system's choice. */
export async function listenAnywhere(server: Server): Promise<Listening> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
