import { GatewayError } from '../errors.ts'
import { describeOutage } from './upstream-failure.ts'
import type { UpstreamPool } from './upstream-pool.ts'

/**
 * The addresses of one upstream. Each request goes to the one that has the fewest, in turn where several have; an
 * address that has failed too often gets none, but one at times that tries it.
 */
export class UpstreamAddresses {
  readonly #pools: readonly UpstreamPool[]
  #turn = 0

  constructor(pools: readonly UpstreamPool[]) {
    this.#pools = pools
  }

  /**
   * Where the next request goes.
   *
   * @throws {GatewayError} `upstream_unreachable` when all addresses have failed lately, `upstream_busy` when too many
   *   requests wait at those that are left; both at once, with the time to come again
   */
  choose(): UpstreamPool {
    const pool = this.#due(null) ?? this.#leastActive(null)
    if (pool === null) throw describeOutage(Math.min(...this.#pools.map(({ health }) => health.waitMs())))
    if (pool.isFull) throw new GatewayError('upstream_busy', 'too many requests wait for the upstream')
    return pool
  }

  /** Where a request goes that one address has failed; null for nowhere. It is its last try, so it tries no other out. */
  chooseOther(failed: UpstreamPool): UpstreamPool | null {
    const pool = this.#leastActive(failed) ?? this.#due(failed)
    return pool === null || pool.isFull ? null : pool
  }

  /** An address that somebody has to try. */
  #due(except: UpstreamPool | null): UpstreamPool | null {
    for (const pool of this.#pools) if (pool.health.isOut && pool !== except && pool.health.isUsable()) return pool
    return null
  }

  #leastActive(except: UpstreamPool | null): UpstreamPool | null {
    const { length } = this.#pools
    let best: UpstreamPool | null = null
    for (let i = 0; i < length; i++) {
      const pool = this.#pools[(this.#turn + i) % length]
      if (pool === undefined || pool === except || pool.health.isOut) continue
      if (best === null || pool.active < best.active) best = pool
    }
    this.#turn = (this.#turn + 1) % length
    return best
  }
}
