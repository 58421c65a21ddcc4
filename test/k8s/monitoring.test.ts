import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { errorCodes } from '../../src/errors.ts'
import { createMetrics } from '../../src/ops/metrics.ts'
import { buildWithMonitoring, find, overlays } from '../support/kustomize.ts'
import { gatewayOf, podOf } from '../support/pod.ts'
import { readProjectFile } from '../support/project-files.ts'

interface Metric {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
}

interface Rule {
  readonly alert: string
  readonly expr: string
  readonly for?: string
  readonly labels: { readonly severity: string }
  readonly annotations: { readonly summary: string; readonly description: string }
}

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const page = readProjectFile('docs/operations.md')
const metrics = await exportedMetrics()
const resources = buildWithMonitoring(overlays[0] ?? '')
const rules = (find(resources, 'PrometheusRule').spec as { groups: { rules: Rule[] }[] }).groups.flatMap(group => group.rules)
const dashboard = JSON.parse(
  (find(resources, 'ConfigMap', 'sallyport-dashboard').data as Record<string, string>)['sallyport.json'] ?? '',
) as {
  panels: Panel[]
  templating: { list: { name: string; query: string }[] }
}
const targets = dashboard.panels.flatMap(({ title, targets = [] }) => targets.map(target => [title, target] as const))

const outcomes = ['ok', 'cut', 'client_left', ...errorCodes]

// What the machinery around adds to every series.
const scrapeLabels = ['namespace', 'pod', 'le']

describe('the alert rules', () => {
  for (const rule of rules) {
    it(`ask in PromQL for what the program exports: ${rule.alert}`, () => {
      assert.deepEqual(problemsOf(rule.expr), [])
    })
  }

  it('have a name, a severity, a sentence about labels that are there, and a line in docs/operations.md each', () => {
    const described = [...page.matchAll(/^\| `(Sallyport\w+)` \|/gm)].map(([, name]) => name)

    assert.deepEqual(rules.map(({ alert }) => alert).toSorted(), described.toSorted())
    for (const { alert, labels, annotations, expr } of rules) {
      assert.match(labels.severity, /^(critical|warning)$/, alert)
      const used = [...`${annotations.summary} ${annotations.description}`.matchAll(/\$labels\.(\w+)/g)].map(([, name = '']) => name)
      assert.deepEqual(
        used.filter(name => !new RegExp(`by \\([^)]*\\b${name}\\b`).test(expr)),
        [],
        alert,
      )
    }
  })
})

describe('the dashboard', () => {
  it('asks in PromQL for what the program exports', () => {
    assert.ok(targets.length > 20)
    for (const [title, { expr }] of targets) {
      const filled = expr.replaceAll('$__rate_interval', '5m').replaceAll('$namespace', '.*')
      assert.deepEqual(problemsOf(filled), [], title)
    }
    for (const [title, { expr, legendFormat }] of targets) {
      const used = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, name = '']) => name)
      assert.deepEqual(
        used.filter(name => !new RegExp(`by \\([^)]*\\b${name}\\b`).test(expr)),
        [],
        title,
      )
    }
  })

  it('shows every metric, each panel once and in a place of its own', () => {
    const shown = new Set(targets.flatMap(([, { expr }]) => expr.match(/sallyport_\w+/g) ?? []).map(baseOf))
    const { panels } = dashboard
    const overlapping = panels.filter((panel, i) => panels.some((other, j) => j < i && overlap(panel.gridPos, other.gridPos)))

    assert.deepEqual([...shown].toSorted(), [...metrics.keys()].filter(name => name.startsWith('sallyport_')).toSorted())
    assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
    assert.deepEqual(
      overlapping.map(({ title }) => title),
      [],
    )
    assert.ok(panels.every(({ gridPos: { x, w } }) => x + w <= 24))
  })
})

describe('what Prometheus asks', () => {
  for (const overlay of overlays) {
    it(`is the probes' port of these pods and of no others: ${overlay}`, () => {
      const built = buildWithMonitoring(overlay)
      const monitor = find(built, 'ServiceMonitor').spec as {
        selector: { matchLabels: Record<string, string> }
        endpoints: { port: string; path: string }[]
      }
      const chosen = built.filter(
        ({ kind, metadata }) =>
          kind === 'Service' && Object.entries(monitor.selector.matchLabels).every(([key, value]) => metadata.labels?.[key] === value),
      )
      const { ports, selector } = (chosen[0] ?? assert.fail()).spec as {
        ports: { name: string; port: number; targetPort: string }[]
        selector: object
      }
      const deployment = find(built, 'Deployment').spec as { selector: { matchLabels: object } }

      assert.equal(chosen.length, 1)
      assert.deepEqual(selector, deployment.selector.matchLabels)
      // Another app's monitor must not choose this service too.
      const instance = find(built, 'Deployment').metadata.labels?.['app.kubernetes.io/instance']
      assert.equal(monitor.selector.matchLabels['app.kubernetes.io/instance'], instance)
      assert.deepEqual(
        monitor.endpoints.map(({ port, path }) => [port, path]),
        [['probes', '/metrics']],
      )
      assert.deepEqual(
        ports.map(({ name, targetPort }) => [name, targetPort]),
        [['probes', 'probes']],
      )
      assert.ok(gatewayOf(podOf(built)).ports?.some(({ name, containerPort }) => name === 'probes' && containerPort === ports[0]?.port))
    })
  }
})

/** What the program exports, with its types by itself, and with the labels by docs/operations.md. */
async function exportedMetrics(): Promise<ReadonlyMap<string, Metric>> {
  const metrics = createMetrics({ now: Date.now })
  metrics.observeProcess()
  const types = (await metrics.text()).matchAll(/^# TYPE (\w+) (counter|gauge|histogram)$/gm)
  const rows = new Map([...page.matchAll(/^\| `(sallyport_\w+)` \|([^|]*)\|/gm)].map(([, name = '', labels = '']) => [name, labels]))
  return new Map(
    [...types].map(([, name = '', type]) => [
      name,
      { type: type as Metric['type'], labels: [...(rows.get(name) ?? '').matchAll(/`(\w+)`/g)].map(([, label = '']) => label) },
    ]),
  )
}

/** What is wrong with an expression: its grammar, or names and labels that the program does not have. */
function problemsOf(expr: string): string[] {
  const problems: string[] = []
  const selectors: { name: string; labels: string[] }[] = []
  parser.parse(expr).iterate({
    enter(node) {
      const text = expr.slice(node.from, node.to)
      if (node.type.isError) problems.push(`is no PromQL near "${expr.slice(node.from, node.from + 20)}"`)
      if (node.name === 'VectorSelector') {
        const matchers = /\{(.*)\}/s.exec(text)?.[1] ?? ''
        selectors.push({
          name: text.split('{')[0]?.trim() ?? '',
          labels: [...matchers.matchAll(/(\w+)\s*[=!]/g)].map(([, label = '']) => label),
        })
      }
    },
  })
  // A word that no request can have would be an alert that never comes.
  for (const [, words = ''] of expr.matchAll(/\boutcome=~?"([^"]+)"/g)) {
    const none = words.split('|').filter(word => !outcomes.some(outcome => new RegExp(`^${word}$`).test(outcome)))
    problems.push(...none.map(word => `there is no outcome ${word}`))
  }
  if (selectors.length === 0) problems.push('asks for nothing')
  const grouped = [...expr.matchAll(/\b(?:by|without|on|ignoring) \(([^)]*)\)/g)].flatMap(([, list = '']) =>
    list.split(/,\s*/).filter(Boolean),
  )
  for (const { name, labels } of selectors) {
    const metric = metrics.get(baseOf(name))
    if (metric === undefined || (metric.type === 'histogram') === (baseOf(name) === name)) problems.push(`${name} is not exported`)
    const unknown = [...labels, ...grouped].filter(label => !scrapeLabels.includes(label) && !metric?.labels.includes(label))
    problems.push(...unknown.map(label => `${name} has no label ${label}`))
    if (metric?.type === 'counter' && !/\b(rate|increase)\(/.test(expr)) problems.push(`${name} only grows: ask for its rate`)
  }
  return problems
}

/** A histogram's series have its name and an ending. */
function baseOf(name: string): string {
  const base = name.replace(/_(bucket|sum|count)$/, '')
  return metrics.get(base)?.type === 'histogram' ? base : name
}

function overlap(one: Panel['gridPos'], other: Panel['gridPos']): boolean {
  return one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h
}
