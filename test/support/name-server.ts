import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** A name server on port 53 of an own loopback address, which says the same address for every name. Only for root. */
export async function serveNames(t: { after(run: () => unknown): void }, answer: string): Promise<string> {
  const address = '127.77.0.53'
  const socket = createSocket('udp4')
  socket.on('message', (query, from) => {
    const end = query.indexOf(0, 12) + 5
    const header = Buffer.concat([query.subarray(0, 2), Buffer.from('818000010001' + '00000000', 'hex')])
    // Its name is that of the question; type A, class IN, a minute, four bytes.
    const record = Buffer.from([...Buffer.from('c00c000100010000003c0004', 'hex'), ...answer.split('.').map(Number)])
    socket.send(Buffer.concat([header, query.subarray(12, end), record]), from.port, from.address)
  })
  socket.bind(53, address)
  await once(socket, 'listening')
  t.after(() => socket.close())
  return address
}
