import { Pool } from 'undici'
import { browserHeaders } from '../load.ts'
import type { Program } from '../programs.ts'
import { paths } from '../upstream.ts'
import type { Bench, Part } from './part.ts'

const revocations = 100
const requestsAfterEach = 10

/**
 * Signs sessions out at one of three gateways while all of them are busy with others, and asks all of them at once when
 * that was answered. Each gateway has just let the session in, so each has it opened in its memory.
 */
export const revocation: Part = async bench => {
  const { gateways } = bench
  const programs = [await gateways.start(), await gateways.start(), await gateways.start()]
  const pools = programs.map(({ port }) => new Pool(`http://127.0.0.1:${port}`, { connections: requestsAfterEach }))
  try {
    const cookies = await gateways.makeSessions(revocations)
    const isOver = new AbortController()
    const busy = Promise.all(programs.map(program => keepBusy(bench, program, isOver.signal)))
    let accepted = 0
    for (const [turn, cookie] of cookies.entries()) accepted += await revoke(bench, pools, turn, cookie)
    isOver.abort()
    await busy
    return {
      title: `revocation: ${programs.length} busy gateways, each session signed out at one of them and then used at all`,
      rows: { gateways: { revocations, 'requests after': revocations * requestsAfterEach, accepted } },
      bars: [
        {
          what: `of ${revocations * requestsAfterEach} requests let in after the sign-out was answered`,
          measured: accepted,
          bound: 'at most',
          limit: 0,
        },
      ],
    }
  } finally {
    await Promise.all(pools.map(pool => pool.close()))
    await Promise.all(programs.map(program => program.stop()))
  }
}

async function keepBusy({ load, subjects }: Bench, program: Program, isOver: AbortSignal): Promise<void> {
  const cookies = subjects.find(({ name }) => name === 'gateway')?.cookies ?? []
  const subject = { name: 'busy gateway', program, cookies }
  while (!isOver.aborted) await load(subject, { path: paths.short, connections: 8, seconds: 1 })
}

/** @returns how many requests were let in afterwards. @throws Error for any answer that is neither let in nor signed out */
async function revoke({ host }: Bench, pools: readonly Pool[], turn: number, cookie: string): Promise<number> {
  const ask = async (at: number, method: 'GET' | 'POST', path: string) => {
    const pool = pools[at % pools.length]
    const answer = await pool?.request({ method, path, headers: { ...browserHeaders, host, cookie } })
    await answer?.body.dump()
    return answer?.statusCode
  }

  for (const at of pools.keys()) if ((await ask(at, 'GET', paths.short)) !== 200) throw new Error('a session that lives was refused')
  if ((await ask(turn, 'POST', '/auth/logout')) !== 200) throw new Error('the sign-out failed')
  const statuses = await Promise.all(Array.from({ length: requestsAfterEach }, (_, at) => ask(at, 'GET', paths.short)))
  const others = statuses.filter(status => status !== 200 && status !== 401)
  if (others.length > 0) throw new Error(`answers after a sign-out: ${others.join(', ')}`)
  return statuses.filter(status => status === 200).length
}
