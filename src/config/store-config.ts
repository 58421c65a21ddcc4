/** Where sessions are kept, after all checks. */
export type StoreConfig =
  | { readonly kind: 'memory' }
  | { readonly kind: 'redis'; readonly url: string; readonly namespace: string; readonly tls?: RedisTls }
  | {
      readonly kind: 'redis-cluster'
      /** Some of its nodes; the others are found. */
      readonly nodes: readonly RedisAddress[]
      readonly access: RedisAccess
      readonly namespace: string
    }
  | {
      readonly kind: 'redis-sentinel'
      readonly sentinel: RedisSentinelConfig
      /** Of the master, whichever it is. */
      readonly access: RedisAccess
      readonly namespace: string
    }

export interface RedisSentinelConfig {
  /** The name under which the sentinels know the master. */
  readonly master: string
  readonly nodes: readonly RedisAddress[]
  /** Of the sentinels; Redis has its own. */
  readonly access: RedisAccess
}

export interface RedisAddress {
  readonly host: string
  readonly port: number
}

/** How to be let in. */
export interface RedisAccess {
  readonly username?: string
  readonly password?: string
  readonly database?: number
  /** Speak TLS. */
  readonly tls?: RedisTls
}

/** `ca`: PEM of the authorities to trust instead of the well-known ones. */
export interface RedisTls {
  readonly ca?: Buffer
}
