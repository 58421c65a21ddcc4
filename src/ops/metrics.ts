import { Counter, collectDefaultMetrics, Gauge, Histogram, type Metric, Registry } from 'prom-client'
import type { ReadSecret } from '../config/read-secret.ts'
import type { AuditEvent } from './audit.ts'
import type { LogFields } from './fields.ts'
import { Latency, Tally } from './latency.ts'
import { version } from './version.ts'

/** What the process counts, for all the gateways that it has one after the other. docs/operations.md lists it. */
export interface Metrics {
  /** The clock of the durations, ms. */
  readonly clock: () => number
  /** @param outcome `ok`, or the code of the error; `cut` and `client_left` for answers that did not come to their end */
  request(route: string | undefined, outcome: string): void
  /** From a request's arrival to its leaving for the upstream. */
  readonly added: Latency
  /** From there to the first of the answer. */
  upstream(route: string): Latency
  renewalWaited(ms: number): void
  lease(outcome: 'taken' | 'awaited' | 'busy'): void
  webSockets(change: 1 | -1): void
  /** For the gateway that serves from now on. How an earlier one found its upstreams and providers is forgotten. */
  surroundings(): Surroundings
  store(isUp: boolean): void
  /** Told of every line of the audit. */
  audited(event: AuditEvent, fields: LogFields): void
  /** Adds what Node tells of the process: memory, garbage collection, the event loop's delay. Once in a process. */
  observeProcess(): void
  /** Told anew whenever secrets are read: what each is for, and since when it is the same. */
  secrets(read: readonly ReadSecret[]): void
  /** What is reported with readiness, and never decides it. */
  health(): { readonly store: 'up' | 'down'; readonly providers: Readonly<Record<string, 'up' | 'down'>> }
  readonly contentType: string
  text(): Promise<string>
}

/** What one gateway finds around it. */
export interface Surroundings {
  /** A call to an IdP. */
  provider(id: string, ms: number, isAnswered: boolean): void
  /** Told of every line of the log. */
  logged(event: string, fields: LogFields): void
}

type States = Map<string, 'up' | 'down'>

export function createMetrics({ now }: MetricsDeps): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const requests = new Tally()
  const added = new Latency()
  const upstreams = new Map<string, Latency>()
  const providers = new Map<string, Latency>()
  let providerStates: States = new Map()
  let upstreamStates: States = new Map()
  let isStoreUp = false
  let read: readonly ReadSecret[] = []

  own('sallyport_requests_total', 'counter', 'Requests, by configured route and outcome', name =>
    [...requests.entries()].map(([route, outcome, value]) => ({ metricName: name, labels: { route, outcome }, value })),
  )
  own('sallyport_request_added_seconds', 'histogram', 'From arrival to leaving for the upstream', name => added.samples(name, {}))
  own('sallyport_upstream_seconds', 'histogram', 'From leaving to the first of the answer, by route', name =>
    [...upstreams].flatMap(([route, latency]) => latency.samples(name, { route })),
  )
  own('sallyport_provider_seconds', 'histogram', 'Calls to identity providers', name =>
    [...providers].flatMap(([provider, latency]) => latency.samples(name, { provider })),
  )
  own('sallyport_provider_up', 'gauge', 'Whether the last call was answered', name => valuesOf(providerStates, name, 'provider'))
  own('sallyport_upstream_up', 'gauge', 'Whether an address that was out can be connected to again', name =>
    valuesOf(upstreamStates, name, 'upstream'),
  )
  own('sallyport_store_up', 'gauge', 'Whether the session store can do all it should', name => [
    { metricName: name, labels: {}, value: Number(isStoreUp) },
  ])
  own('sallyport_secret_age_seconds', 'gauge', 'Since the file of a secret changed', name =>
    read.map(({ option, modifiedAt }) => ({ metricName: name, labels: { secret: option }, value: (now() - modifiedAt) / 1000 })),
  )

  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name, help, labelNames, registers })
  const renewals = counter('sallyport_renewals_total', 'Renewals and exchanges of tokens', ['provider', 'outcome'])
  const leases = counter('sallyport_leases_total', 'Turns at the lease on a grant', ['outcome'])
  const created = counter('sallyport_sessions_created_total', 'Sessions that began', ['provider'])
  const ended = counter('sallyport_sessions_ended_total', 'Sessions that ended otherwise than by time', ['reason'])
  const replays = counter('sallyport_replays_total', 'Callbacks, codes and logout tokens that were presented again', ['route'])
  const waits = new Histogram({ name: 'sallyport_renewal_wait_seconds', help: 'What a request waited for a renewal', registers })
  const webSockets = new Gauge({ name: 'sallyport_websockets_open', help: 'WebSockets that are open', registers })
  new Gauge({ name: 'sallyport_build_info', help: 'Always 1', labelNames: ['version'], registers }).set({ version }, 1)

  /** A metric of our own making: the registry takes whatever can say its values. */
  function own(name: string, type: 'counter' | 'gauge' | 'histogram', help: string, values: (name: string) => readonly object[]): void {
    const metric = { name, get: async () => ({ name, help, type, values: values(name), aggregator: 'sum' }), reset: () => undefined }
    registry.registerMetric(metric as unknown as Metric)
  }

  return {
    clock: () => performance.now(),
    request: (route = 'none', outcome) => requests.add(route, outcome),
    added,
    upstream: route => kept(upstreams, route),
    renewalWaited: ms => waits.observe(ms / 1000),
    lease: outcome => leases.inc({ outcome }),
    webSockets: change => webSockets.inc(change),
    surroundings() {
      // Of its own: a gateway that another replaces goes on for a while, and must not have the last word.
      const [ownProviders, ownUpstreams]: [States, States] = [new Map(), new Map()]
      providerStates = ownProviders
      upstreamStates = ownUpstreams
      return {
        provider(id, ms, isAnswered) {
          kept(providers, id).observe(ms)
          ownProviders.set(id, isAnswered ? 'up' : 'down')
        },
        logged(event, { upstream }) {
          if (upstream === undefined) return
          if (event === 'upstream_down') ownUpstreams.set(upstream, 'down')
          if (event === 'upstream_up') ownUpstreams.set(upstream, 'up')
        },
      }
    },
    store(isUp) {
      isStoreUp = isUp
    },
    audited(event, { provider = '', reason = '', outcome = '', code, route = '' }) {
      if (event === 'sign_in') created.inc({ provider })
      if (event === 'logout') ended.inc({ reason: 'logged_out' })
      if (event === 'session_ended') ended.inc({ reason })
      if (event === 'renewal') renewals.inc({ provider, outcome: code ?? outcome })
      if (event === 'replay') replays.inc({ route })
    },
    observeProcess: () => collectDefaultMetrics({ register: registry }),
    secrets(all) {
      read = all
    },
    health: () => ({ store: isStoreUp ? 'up' : 'down', providers: Object.fromEntries(providerStates) }),
    contentType: registry.contentType,
    text: () => registry.metrics(),
  }
}

interface MetricsDeps {
  /** Epoch ms. */
  readonly now: () => number
}

function kept(map: Map<string, Latency>, key: string): Latency {
  const found = map.get(key) ?? new Latency()
  map.set(key, found)
  return found
}

function valuesOf(states: States, metricName: string, label: 'provider' | 'upstream'): readonly object[] {
  return [...states].map(([name, state]) => ({ metricName, labels: { [label]: name }, value: Number(state === 'up') }))
}
