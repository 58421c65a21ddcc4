import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startGateway } from './gateway.ts'
import { connections, prepareLoad, type Run } from './load.ts'
import { startBareProxy, startUpstream } from './nginx.ts'
import { cores, findPort, type Program, requirePrograms, startProgram } from './programs.ts'
import { compare, formatTable, type Result, summarise } from './report.ts'
import { makeSessions, makeToken } from './sessions.ts'

const host = 'app.bench.test'
const origin = `https://${host}`
const path = '/api/orders'
const cookieName = '__Host-Http-sallyport'
const sessions = 500

interface Settings {
  readonly rounds: number
  readonly seconds: number
}

/** Runs the candidates in turn, round after round, so that the machine's moods meet both alike. */
async function bench({ rounds, seconds }: Settings): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
  const programs: Program[] = []
  const start = async (starting: Promise<Program>) => {
    const program = await starting
    programs.push(program)
    return program
  }

  try {
    const redis = await start(startRedis(folder))
    const upstream = await start(startUpstream(folder))
    const nginx = await start(startBareProxy(folder, upstream.port, makeToken(1062)))

    const secrets = { cookieKey: makeSecret(), sealingKey: makeSecret() }
    const engine = { redisUrl: `redis://127.0.0.1:${redis.port}`, namespace: 'bench', secrets, origin }
    const cookies = await makeSessions({ ...engine, count: sessions, cookieName })
    const gateway = await start(startGateway({ ...engine, folder, path, upstreamPort: upstream.port }))

    const load = await prepareLoad({ folder, host, path, cookies })
    const runs: Record<'nginx' | 'gateway', Run[]> = { nginx: [], gateway: [] }
    await warmUp(() => load(gateway, 2))
    for (let round = 0; round < rounds; round += 1) {
      for (const [name, target] of [['nginx', nginx] as const, ['gateway', gateway] as const]) {
        // Warm again after the other's turn.
        await load(target, 1)
        runs[name].push(await load(target, seconds))
      }
    }
    const candidates = { nginx: summarise(runs.nginx), gateway: summarise(runs.gateway) }
    const setup = { node: process.versions.node, rounds, seconds, connections, sessions }
    return { ...setup, candidates, ...compare(candidates.gateway, candidates.nginx) }
  } finally {
    await Promise.all(programs.map(program => program.stop()))
    await rm(folder, { recursive: true, force: true })
  }
}

// The engine goes on compiling for about so many requests: before that the figures still climb.
const warmRequests = 150_000
const longestWarmUpMs = 40_000

async function warmUp(load: () => Promise<Run>): Promise<void> {
  const giveUpAt = Date.now() + longestWarmUpMs
  for (let requests = 0; requests < warmRequests && Date.now() < giveUpAt; ) requests += (await load()).requests
}

async function startRedis(folder: string): Promise<Program> {
  const port = await findPort()
  const command = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  return startProgram({ core: cores.others, port, command })
}

function makeSecret(): string {
  return randomBytes(32).toString('base64url')
}

function readCount(name: string, text: string): number {
  if (!/^[1-9]\d{0,2}$/.test(text)) throw new Error(`--${name} must be a whole number from 1 to 999`)
  return Number(text)
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})

try {
  requirePrograms()
  const result = await bench({ rounds: readCount('rounds', values.rounds), seconds: readCount('seconds', values.seconds) })
  console.log(values.json ? JSON.stringify(result, null, 2) : formatTable(result))
  if (values.check && !result.bar.isMet) process.exitCode = 1
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
