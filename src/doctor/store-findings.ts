import { randomBytes } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { StoreConfig } from '../config/store-config.ts'
import { GatewayError } from '../errors.ts'
import { openStore } from '../store/open-store.ts'
import type { Store } from '../store/store.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

const what = 'store'
// Longer than one attempt to connect may take.
const patienceMs = 5_000
const lookEveryMs = 50
const ttlMs = 1_000

/** Looks at the store as the program would: whether it answers, lets us do all we do, and keeps what it has. */
export async function findingsOfStore(config: StoreConfig): Promise<readonly Finding[]> {
  if (config.kind === 'memory')
    return [warning(what, 'keeps sessions in memory: they end with the process, and no second replica knows them')]
  const causes = new Set<string>()
  const findings: Finding[] = []
  const store = openStore(config, {
    now: Date.now,
    onEvent(event, { error }) {
      if (event === 'down') causes.add(error)
      if (event === 'eviction_policy')
        findings.push(warning(what, `its maxmemory-policy is ${error}, which drops sessions when memory runs short: set noeviction`))
      if (event === 'unconfirmed')
        findings.push(warning(what, `its replicas do not confirm (${error}): what is ended could come back in a failover`))
    },
  })
  try {
    if (!(await answers(store))) return [problem(what, `cannot be reached: ${[...causes].join('; ') || 'no answer'}`)]
    const refused = await refusedVerbs(store)
    if (refused.length > 0)
      return [problem(what, `refuses ${refused.join(', ')}: give the user what docs/store.md lists (${[...causes].join('; ')})`)]
    return [ok(what, 'answers, and takes all that the gateway writes'), ...findings]
  } finally {
    await store.close()
  }
}

async function answers(store: Store): Promise<boolean> {
  const giveUpAt = performance.now() + patienceMs
  for (;;) {
    try {
      await store.ping()
      return true
    } catch {
      if (performance.now() > giveUpAt) return false
      await setTimeout(lookEveryMs)
    }
  }
}

/** Every kind of thing that the gateway does there, on a family that is nobody's and gone after a second. */
async function refusedVerbs(store: Store): Promise<readonly string[]> {
  const id = `doctor-${randomBytes(12).toString('base64url')}`
  const life = { sessionTtlMs: ttlMs, vaultTtlMs: ttlMs }
  const trials: Readonly<Record<string, () => Promise<unknown>>> = {
    'to write sessions': () => store.createFamily(id, { session: 's', vault: 'v' }, life),
    'to read sessions': async () => store.readFamily(id, '0'),
    'to change sessions': () => store.replaceSession(id, '0', 's', 't', life),
    'to renew tokens': () => store.replaceVault(id, 'v', 'w'),
    'to take leases': () => store.takeLease(id, 'doctor', ttlMs),
    'to give leases back': () => store.releaseLease(id, 'doctor'),
    'to keep indexes': () => store.addToIndex({ kind: 'user', id }, id, ttlMs),
    'to read indexes': () => store.readIndex({ kind: 'user', id }),
    'to keep sign-ins': () => store.putOnce({ kind: 'attempt', id }, 'v', ttlMs),
    'to end sign-ins': () => store.takeOnce({ kind: 'attempt', id }, 'v'),
    'to end sessions': () => store.endFamily(id, 'revoked', ttlMs),
  }
  const refused: string[] = []
  for (const [name, run] of Object.entries(trials)) {
    await run().catch(error => {
      if (!(error instanceof GatewayError)) throw error
      refused.push(name)
    })
  }
  return refused
}
