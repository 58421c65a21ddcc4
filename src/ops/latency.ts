/** Upper bounds, in seconds: from what the gateway itself takes to what a slow upstream does. */
const boundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]
const boundsMs = boundsSeconds.map(seconds => seconds * 1000)

type Labels = Readonly<Record<string, string>>

interface Sample {
  readonly metricName: string
  readonly labels: Labels
  readonly value: number
}

/**
 * How long something took, counted into buckets: a Prometheus histogram for what every request does. The library's own
 * takes five times as long for each.
 */
export class Latency {
  readonly #counts = new Float64Array(boundsMs.length + 1)
  #sumMs = 0

  observe(ms: number): void {
    let bucket = 0
    while (bucket < boundsMs.length && ms > (boundsMs[bucket] as number)) bucket += 1
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1
    this.#sumMs += ms
  }

  /** As the exposition format has it: buckets count what is below them, too. */
  samples(name: string, labels: Labels): readonly Sample[] {
    const samples: Sample[] = []
    let count = 0
    this.#counts.forEach((inBucket, i) => {
      count += inBucket
      samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le: String(boundsSeconds[i] ?? '+Inf') }, value: count })
    })
    samples.push({ metricName: `${name}_sum`, labels, value: this.#sumMs / 1000 })
    samples.push({ metricName: `${name}_count`, labels, value: count })
    return samples
  }
}

/** Numbers by two words, both from lists that the configuration or the program bounds. */
export class Tally {
  readonly #counts = new Map<string, Map<string, number>>()

  add(first: string, second: string): void {
    const counts = this.#counts.get(first) ?? new Map<string, number>()
    if (counts.size === 0) this.#counts.set(first, counts)
    counts.set(second, (counts.get(second) ?? 0) + 1)
  }

  *entries(): Iterable<readonly [string, string, number]> {
    for (const [first, counts] of this.#counts) for (const [second, count] of counts) yield [first, second, count]
  }
}
