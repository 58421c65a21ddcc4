import { fileURLToPath } from 'node:url'
import { cores, findPort, startProgram } from '../programs.ts'
import { makeToken } from './session-parts.ts'
import { type Subject, type Surroundings, tokenLengths } from './subject.ts'

/** Starts what the gateway is built on, without a session or a check: Node's http server and undici's dispatch. */
export async function startRaw({ upstreamPort }: Surroundings, cookies: readonly string[]): Promise<Subject> {
  const port = await findPort()
  const server = fileURLToPath(new URL('raw-server.ts', import.meta.url))
  const env = { NODE_ENV: 'production', PORT: String(port), UPSTREAM_PORT: String(upstreamPort), TOKEN: makeToken(tokenLengths.access) }
  const program = await startProgram({ core: cores.tested, port, env, command: [process.execPath, server] })
  return { name: 'raw', program, cookies }
}
