import { type Client, type Dispatcher, Pool } from 'undici'
import { type AddressOptions, CountingClient, createConnector, type Passenger } from './upstream-connection.ts'
import type { AddressHealth } from './upstream-health.ts'

/** Requests that may wait for a connection; more are told to come again rather than left waiting. */
const maxWaiting = 256

/** Not in undici's types. Without it undici takes the name for TLS from Host and reconnects when that changes. */
export type SentRequest = Dispatcher.DispatchOptions & { servername?: string }

/** The connections to one address. */
export class UpstreamPool {
  /** As configured; for logs. */
  readonly address: string
  readonly health: AddressHealth
  readonly connections: number
  /** Requests that it has now, waiting ones among them. */
  active = 0
  readonly #options: AddressOptions
  readonly #clientOptions: Client.Options
  readonly #servername: string
  readonly #pool: Pool
  readonly #alone = new Set<Client>()

  constructor(options: AddressOptions, connections: number) {
    const { name, origin } = options.address
    this.address = name
    this.health = options.health
    this.connections = connections
    this.#options = options
    this.#clientOptions = {
      // More than one request on a connection at a time would let one answer be taken for another's.
      pipelining: 1,
      allowH2: false,
      // Ours, because event streams have none and undici reads it before anyone knows that it is one.
      bodyTimeout: 0,
      connect: createConnector(options),
    }
    this.#servername = options.servername === '' ? new URL(origin).hostname : options.servername
    const factory = (url: URL, clientOptions: object) => new CountingClient(url, clientOptions)
    this.#pool = new Pool(origin, { ...this.#clientOptions, connections, factory })
  }

  /** Whether so many requests are here that no more may wait. */
  get isFull(): boolean {
    return this.active >= this.connections + maxWaiting
  }

  /**
   * Sends a request. Whoever is told of its end takes it off `active` again.
   *
   * @param overNewConnection for one that a kept connection has failed; any other may be as stale
   */
  send(request: SentRequest, passenger: Passenger, overNewConnection: boolean): void {
    this.active++
    request.servername = this.#servername
    if (overNewConnection || this.health.isOut) this.#sendAlone(request, passenger)
    else this.#pool.dispatch(request, passenger)
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), ...[...this.#alone].map(client => client.destroy())])
  }

  /** Over a connection of its own: where the address is out of use, that tells whether it is there again. */
  #sendAlone(request: SentRequest, passenger: Passenger): void {
    if (this.health.isOut) this.health.beginTrial(this.#options.connectMs)
    const client = new CountingClient(this.#options.address.origin, this.#clientOptions)
    this.#alone.add(client)
    client.dispatch(request, passenger)
    // Closes when the request is done.
    client.close().then(
      () => this.#alone.delete(client),
      () => this.#alone.delete(client),
    )
  }
}
