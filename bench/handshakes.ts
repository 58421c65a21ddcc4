import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { browserHeaders } from './load.ts'
import { readCpuSeconds } from './process-tree.ts'
import type { Subject } from './subjects/subject.ts'
import { paths } from './upstream.ts'

/** What opening WebSockets, one after the other on each of some connections, came to. */
export interface Handshakes {
  readonly opened: number
  readonly perCpuSecond: number
}

// As a browser waits for one before it opens the next on the same page.
const atOnce = 32

/** Opens WebSockets for some seconds, each on a connection of its own, and leaves each when it stands. @throws Error when one is refused */
export async function openForSeconds({ program, cookies }: Subject, host: string, seconds: number): Promise<Handshakes> {
  const isOver = new AbortController()
  const before = readCpuSeconds(program.pid)
  let opened = 0
  const opening = Array.from({ length: atOnce }, async () => {
    while (!isOver.signal.aborted) {
      await open(program.port, describeHandshake(host, cookies[opened % cookies.length] ?? ''))
      opened += 1
    }
  })
  await Promise.race([setTimeout(seconds * 1000), ...opening])
  isOver.abort()
  await Promise.all(opening)
  return { opened, perCpuSecond: opened / (readCpuSeconds(program.pid) - before) }
}

function open(port: number, handshake: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(handshake))
    socket.once('data', (answer: Buffer) => {
      // With a reset: thousands of closed connections a second would soon use up the ports.
      socket.resetAndDestroy()
      const status = answer.toString('latin1', 9, 12)
      if (status === '101') resolve()
      else reject(new Error(`a handshake was answered ${status}`))
    })
    socket.once('error', reject)
    socket.once('end', () => reject(new Error('a handshake was not answered')))
  })
}

function describeHandshake(host: string, cookie: string): string {
  const headers = {
    ...{ Host: host, Origin: `https://${host}`, Cookie: cookie, 'User-Agent': browserHeaders['User-Agent'] },
    ...{ Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==' },
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${paths.live} HTTP/1.1\r\n${lines.join('')}\r\n`
}
