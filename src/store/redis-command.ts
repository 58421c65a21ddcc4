/** What a verb asks of Redis: one command. */
export interface RedisCommand {
  /** What the operator is told of when Redis refuses it. */
  readonly verb: string
  /** Any of its keys; all are in one slot. */
  readonly key: string
  readonly args: readonly string[]
  /** Set by a cluster's own redirect: the command goes where its slot is moving to. */
  readonly isAsking?: boolean
  /** It has been redirected, and will not be again. */
  readonly isRedirected?: boolean
  /** How often it has been asked to come again. */
  readonly tries?: number
}

/**
 * Where commands go: one Redis, the master that sentinels name, or the nodes of a cluster.
 *
 * Every promise settles after about 1 s at the latest, or rejects with `store_unavailable`.
 */
export interface RedisLink {
  /** Sends a command in this very call, or rejects at once where nothing can be sent. */
  ask<Reply, Result>(command: RedisCommand, read: (reply: Reply) => Result): Promise<Result>
  /** The same for deletions and rotations: resolves when a replica has the write too, where there are replicas. */
  askConfirmed<Reply, Result>(command: RedisCommand, read: (reply: Reply) => Result): Promise<Result>
  /** Resolves when all of it answers. */
  ping(): Promise<void>
  /** Waits for what was asked, then leaves nothing behind. */
  close(): Promise<void>
}

export const ping: RedisCommand = { verb: 'ping', key: '', args: ['PING'] }
