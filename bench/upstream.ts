import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startNginx } from './nginx.ts'
import { cores, findPort, type Program, startProgram } from './programs.ts'

/** What the upstream serves. */
export const paths = {
  /** About 200 bytes of JSON, an API's short answer. */
  short: '/api/orders',
  /** 1 MiB. */
  large: '/api/mebibyte',
  /** Of WebSockets. */
  live: '/live',
} as const

const orders = JSON.stringify({
  orders: [
    { id: 4711, item: 'Lantern', quantity: 2, price: '19.90', currency: 'EUR', state: 'shipped' },
    { id: 4712, item: 'Rope, 20 m', quantity: 1, price: '34.00', currency: 'EUR', state: 'open' },
  ],
  next: null,
})

/** Starts the upstream of all runs. It answers 401 when no Authorization came, so a proxy that forgets the token cannot win. */
export async function startUpstream(folder: string): Promise<Program> {
  const file = join(folder, 'mebibyte')
  await writeFile(file, randomBytes(1024 * 1024))
  const server = `
    if ($http_authorization = '') { return 401; }
    location = ${paths.short} { default_type application/json; return 200 '${orders}'; }
    location = ${paths.large} { default_type application/octet-stream; alias ${file}; }`
  return startNginx({ name: 'upstream', folder, core: cores.others, server })
}

/** Starts the upstream of the WebSockets. */
export async function startLiveUpstream(): Promise<Program> {
  const port = await findPort()
  const server = fileURLToPath(new URL('live-upstream.ts', import.meta.url))
  return startProgram({ core: cores.others, port, env: { PORT: String(port) }, command: [process.execPath, server] })
}
