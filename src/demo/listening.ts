import type { Server } from 'node:http'

/** A server of the demo that is up. */
export interface Running {
  /** Its origin, such as `http://127.0.0.1:8081`. */
  readonly origin: string
  /** Stops it at once: open connections are cut. */
  readonly close: () => Promise<void>
}

/** Where a server of the demo should listen. */
export interface Place {
  /** The address to listen on. */
  readonly host: string
  /** What the origin calls that address; by default the address itself. */
  readonly name?: string
  /** 0: any free port. */
  readonly port: number
  /** How many ports after the first may be tried when it is taken. */
  readonly spare: number
}

/**
 * Starts to listen at a place, or at one of the next free ports.
 *
 * @throws the system's error when every port tried is taken
 */
export async function listenAt(server: Server, place: Place): Promise<Running> {
  const port = await firstFreePort(server, place)
  return {
    origin: `http://${place.name ?? place.host}:${port}`,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function firstFreePort(server: Server, place: Place): Promise<number> {
  for (let port = place.port; ; port += 1) {
    try {
      return await listenOnce(server, place.host, port)
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!isTaken || port >= place.port + place.spare) throw error
    }
  }
}

function listenOnce(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : port)
    })
  })
}
