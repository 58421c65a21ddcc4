import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'

/** A host that nobody has any business with. */
export interface Hostile {
  readonly origin: string
  /** Connections, whatever was to be said on them. */
  visits(): number
  close(): Promise<void>
}

export async function startHostile(): Promise<Hostile> {
  let visits = 0
  const server = createServer(socket => {
    visits += 1
    socket.destroy()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    visits: () => visits,
    close: () => new Promise(resolve => server.close(() => resolve())),
  }
}
