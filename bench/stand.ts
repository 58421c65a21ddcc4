import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLoad } from './load.ts'
import type { Bench } from './parts/part.ts'
import { readResidentMiB } from './process-tree.ts'
import { cores, findPort, type Program, startProgram } from './programs.ts'
import { createGatewayFleet } from './subjects/gateway.ts'
import { startBareNginx } from './subjects/nginx.ts'
import { startRaw } from './subjects/raw.ts'
import { type Subject, sessionCount } from './subjects/subject.ts'
import { startTextbook } from './subjects/textbook.ts'
import { paths, startLiveUpstream, startUpstream } from './upstream.ts'

export interface StandOptions {
  readonly rounds: number
  readonly seconds: number
  /** Another checkout of this repository, built: its gateway is the only one that ours is compared with. */
  readonly against: string | undefined
}

/** Starts all programs, warms them, runs what is to be run, and leaves nothing behind. */
export async function onStand<Result>({ rounds, seconds, against }: StandOptions, run: (bench: Bench) => Promise<Result>): Promise<Result> {
  const folder = await mkdtemp(join(tmpdir(), 'sallyport-bench-'))
  const programs: Program[] = []
  const keep = (program: Program) => {
    programs.push(program)
    return program
  }

  try {
    const redis = keep(await startRedis(folder))
    const upstream = keep(await startUpstream(folder))
    const live = keep(await startLiveUpstream())
    const host = 'app.bench.test'
    const surroundings = { folder, host, upstreamPort: upstream.port, livePort: live.port, redisUrl: `redis://127.0.0.1:${redis.port}` }
    const gateways = createGatewayFleet(surroundings)
    const cookies = await gateways.makeSessions(sessionCount)

    const subjects: Subject[] = []
    const add = (subject: Subject) => {
      keep(subject.program)
      subjects.push(subject)
    }
    if (against === undefined) add(await startBareNginx(surroundings, cookies))
    add({ name: 'gateway', program: await gateways.start(), cookies })
    if (against === undefined) {
      add(await startRaw(surroundings, cookies))
      add(await startTextbook(surroundings))
    } else add({ name: 'other', program: await gateways.start(against), cookies })

    const idleMiB = new Map(subjects.map(({ name, program }) => [name, readResidentMiB(program.pid)]))
    const bench = { subjects, gateways, host, rounds, seconds, idleMiB, load: createLoad({ folder, host }) }
    for (const subject of subjects) await warmUp(bench, subject)
    return await run(bench)
  } finally {
    await Promise.all(programs.map(program => program.stop()))
    await rm(folder, { recursive: true, force: true })
  }
}

// The engine goes on compiling for about so many requests: before that the figures still climb.
const warmRequests = 150_000
const longestWarmUpMs = 15_000

async function warmUp({ load }: Bench, subject: Subject): Promise<void> {
  const giveUpAt = Date.now() + longestWarmUpMs
  for (let requests = 0; requests < warmRequests && Date.now() < giveUpAt; ) {
    requests += (await load(subject, { path: paths.short, connections: 64, seconds: 2 })).requests
  }
}

async function startRedis(folder: string): Promise<Program> {
  const port = await findPort()
  const command = ['redis-server', '--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder]
  return startProgram({ core: cores.others, port, command })
}
