import type { Report } from './checks.ts'
import type { ConfigPath } from './mistakes.ts'
import type { StoreOptions } from './schema-store.ts'

type Name = Exclude<keyof StoreOptions, 'kind' | 'namespace'>

/** What belongs to a kind, the first of which it cannot be without. */
const optionsOf = {
  memory: [],
  redis: ['url', 'tls'],
  'redis-cluster': ['nodes', 'username', 'password', 'tls'],
  'redis-sentinel': ['sentinel', 'username', 'password', 'database', 'tls'],
} as const satisfies Record<StoreOptions['kind'], readonly Name[]>

const wanted: Partial<Record<Name, string>> = {
  url: 'needs a url with kind: redis, such as { env: REDIS_URL }',
  nodes: 'needs nodes with kind: redis-cluster, such as [redis-1:6379, redis-2:6379]',
  sentinel: 'needs sentinel with kind: redis-sentinel, such as { master: mymaster, nodes: [sentinel-1:26379] }',
}

const names: readonly Name[] = ['url', 'nodes', 'sentinel', 'username', 'password', 'database', 'tls']

/** Checks that a store has what its kind needs, and nothing that would have no effect. */
export function checkStore(store: StoreOptions, report: Report): void {
  const path: ConfigPath = ['session', 'store']
  const fitting: readonly Name[] = optionsOf[store.kind]
  for (const name of names) {
    if (store[name] !== undefined && !fitting.includes(name))
      report([...path, name], `has no meaning with kind: ${store.kind}: ${adviceFor(name, store.kind)}`)
  }
  const [required] = fitting
  if (required !== undefined && store[required] === undefined) report(path, wanted[required] ?? '')
  if (store.kind === 'redis' && store.tls !== undefined && store.url?.startsWith('redis:'))
    report([...path, 'tls'], 'needs a rediss: URL: with redis: there is no TLS')
  if (fitting.includes('username') && store.username !== undefined && store.password === undefined)
    report([...path, 'username'], 'needs a password beside it')
  if (store.sentinel?.username !== undefined && store.sentinel.password === undefined)
    report([...path, 'sentinel', 'username'], 'needs a password beside it')
}

function adviceFor(name: Name, kind: StoreOptions['kind']): string {
  if (kind === 'redis' && (name === 'username' || name === 'password' || name === 'database')) return 'write it into the url'
  if (kind === 'redis-cluster' && name === 'url') return 'name some of its nodes in nodes'
  if (kind === 'redis-cluster' && name === 'database') return 'remove it, a cluster has but one'
  if (kind === 'redis-sentinel' && (name === 'url' || name === 'nodes')) return 'name the sentinels in sentinel.nodes'
  return 'remove it'
}
