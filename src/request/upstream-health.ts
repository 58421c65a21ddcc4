/** Failures to connect, one after the other, that an address may have: one is a restart, three are an outage. */
const tolerated = 3

/** How long an address is left alone at first; twice as long after each try that fails, up to the longest. */
const firstPauseMs = 1_000
const longestPauseMs = 30_000

export interface HealthDeps {
  /** Epoch ms. */
  readonly now: () => number
  /** Told when requests stop going to the address, with what happened last, and when they go there again. */
  readonly onChange: (change: 'down' | 'up', error?: Error) => void
}

/** One attempt to connect. The one that tries an address out decides over it; the others are only counted. */
export type Attempt = 'ordinary' | 'trial'

/**
 * What is known of one address of an upstream, from connecting to it alone: an answer that is late or wrong may be the
 * request's fault, and whoever may ask for slow pages could put the upstream out of everybody's reach.
 */
export class AddressHealth {
  readonly #deps: HealthDeps
  #failures = 0
  /** 0 while the address is in use. */
  #pauseMs = 0
  #nextTrialAt = 0
  #isTrialDue = false

  constructor(deps: HealthDeps) {
    this.#deps = deps
  }

  /** Whether the address has failed too often. */
  get isOut(): boolean {
    return this.#pauseMs !== 0
  }

  /** Whether a request may go there: the address is in use, or it is time that somebody tries. */
  isUsable(): boolean {
    return this.#pauseMs === 0 || this.#deps.now() >= this.#nextTrialAt
  }

  /** How long until somebody may try. */
  waitMs(): number {
    return this.#pauseMs === 0 ? 0 : Math.max(0, this.#nextTrialAt - this.#deps.now())
  }

  /** A request goes there to try the address: the next one that may is a pause later, or when connecting has taken too long. */
  beginTrial(connectMs: number): void {
    this.#nextTrialAt = this.#deps.now() + Math.max(this.#pauseMs, connectMs)
    this.#isTrialDue = true
  }

  /**
   * Somebody is about to connect. Those who waited for a connection when the address went out would all try it otherwise.
   *
   * @returns null for those who must not
   */
  beginConnect(): Attempt | null {
    if (this.#pauseMs === 0) return 'ordinary'
    if (!this.#isTrialDue) return null
    this.#isTrialDue = false
    return 'trial'
  }

  connected(): void {
    this.#failures = 0
    if (this.#pauseMs === 0) return
    this.#pauseMs = 0
    this.#deps.onChange('up')
  }

  failed(attempt: Attempt, error: Error): void {
    this.#failures++
    const isOut = this.#pauseMs !== 0
    // What began before the address went out says nothing new.
    if (isOut ? attempt === 'ordinary' : this.#failures < tolerated) return
    this.#pauseMs = isOut ? Math.min(this.#pauseMs * 2, longestPauseMs) : firstPauseMs
    this.#nextTrialAt = this.#deps.now() + this.#pauseMs
    if (!isOut) this.#deps.onChange('down', error)
  }

  /** An answer came over a connection that was there: the address lives, whatever happens to new connections. */
  answered(): void {
    if (this.#pauseMs === 0) this.#failures = 0
  }
}
