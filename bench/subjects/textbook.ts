import { randomBytes } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { createClient } from 'redis'
import { cores, findPort, startProgram } from '../programs.ts'
import { makeClaims, makeSecret, makeToken, signCookie } from './session-parts.ts'
import { type Subject, type Surroundings, sessionCount, tokenLengths } from './subject.ts'

/** Starts what one would put together from packages, as their own pages show it. */
export async function startTextbook({ upstreamPort, redisUrl }: Surroundings): Promise<Subject> {
  const secret = makeSecret()
  const port = await findPort()
  const server = fileURLToPath(new URL('textbook-server.ts', import.meta.url))
  const env = { NODE_ENV: 'production', PORT: String(port), UPSTREAM_PORT: String(upstreamPort), REDIS_URL: redisUrl, SECRET: secret }
  const program = await startProgram({ core: cores.tested, port, env, command: [process.execPath, server] })
  return { name: 'textbook', program, cookies: await makeSessions(redisUrl, secret) }
}

/** As the middleware would have written them after a sign-in; their tokens are those of the gateway's sessions, unsealed. */
async function makeSessions(redisUrl: string, secret: string): Promise<readonly string[]> {
  const redis = createClient({ url: redisUrl })
  await redis.connect()
  const cookies: string[] = []
  for (let index = 0; index < sessionCount; index += 1) {
    const id = randomBytes(24).toString('base64url')
    const session = {
      cookie: { originalMaxAge: null, expires: null, secure: true, httpOnly: true, path: '/', sameSite: 'lax' },
      user: { sub: `user-${index}`, ...makeClaims(index) },
      tokens: { access: makeToken(tokenLengths.access), id: makeToken(tokenLengths.id), refresh: makeToken(tokenLengths.refresh) },
    }
    await redis.set(`sess:${id}`, JSON.stringify(session), { EX: 3600 })
    cookies.push(`connect.sid=${signCookie(id, secret)}`)
  }
  await redis.close()
  return cookies
}
