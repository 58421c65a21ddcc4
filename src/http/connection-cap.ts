import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { networkOf, type TrustedProxies, unmapped } from './client-address.ts'

/** How often it is told that connections are refused. */
const tellEveryMs = 60_000

/**
 * Bounds how many connections a server has open. One address, of IPv6 one /64, has half of them at most, so that
 * nobody alone keeps all others out; proxies that are trusted may have all. Those beyond are closed at once. When the
 * server is full, connections that nobody is using make room.
 *
 * @param onRefused told at most once a minute
 */
export function capConnections(
  server: Server,
  {
    maxConnections,
    proxies,
    onRefused,
  }: { readonly maxConnections: number; readonly proxies: TrustedProxies; readonly onRefused: () => void },
): void {
  const counts = new Map<string, number>()
  const mostOfOne = Math.ceil(maxConnections / 2)
  let toldAt = Number.NEGATIVE_INFINITY

  function tell(): void {
    if (performance.now() - toldAt < tellEveryMs) return
    toldAt = performance.now()
    onRefused()
  }

  server.maxConnections = maxConnections
  server.on('drop', () => {
    server.closeIdleConnections()
    tell()
  })
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress
    if (address === undefined || proxies.trusts(address)) return
    const network = networkOf(unmapped(address))
    const count = counts.get(network) ?? 0
    if (count >= mostOfOne) {
      socket.destroy()
      return tell()
    }
    counts.set(network, count + 1)
    socket.once('close', () => {
      const left = (counts.get(network) ?? 0) - 1
      if (left > 0) counts.set(network, left)
      else counts.delete(network)
    })
  })
}
