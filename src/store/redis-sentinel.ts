import { ErrorReply } from '@redis/client'
import type { RedisAddress, RedisSentinelConfig } from '../config/store-config.ts'
import { askOnce, formatAddress, type RedisClient } from './redis-client.ts'
import { describeRedisError } from './redis-health.ts'

export interface MasterLocator {
  /**
   * Asks the sentinels in turn, beginning with the one that answered last. All who ask meanwhile get that answer.
   *
   * @throws {Error} naming the last sentinel and what is wrong there
   */
  locate(): Promise<RedisAddress>
  /** Makes sure that this is a master. If it is not, the next sentinel is asked first, for this one may be behind. */
  admit(client: RedisClient): Promise<void>
}

// Together with the others' it must fit into one attempt to connect.
const answerMs = 400

/** Finds the master by its sentinels, which know of a failover first. */
export function createMasterLocator({ master, nodes, access }: RedisSentinelConfig): MasterLocator {
  let first = 0
  let asking: Promise<RedisAddress> | undefined

  async function find(): Promise<RedisAddress> {
    let reason = ''
    for (let turn = 0; turn < nodes.length; turn += 1) {
      const at = (first + turn) % nodes.length
      const sentinel = nodes[at]
      if (sentinel === undefined) continue
      try {
        const found = await ask(sentinel)
        first = at
        return found
      } catch (error) {
        reason = `sentinel ${formatAddress(sentinel)}: ${describeRedisError(error)}`
      }
    }
    throw new Error(reason)
  }

  async function ask(sentinel: RedisAddress): Promise<RedisAddress> {
    const question = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', master]
    const reply = await askOnce<readonly [string, string] | null>(sentinel, access, question, answerMs)
    if (reply === null) throw new Error('knows no master of that name')
    return { host: reply[0], port: Number(reply[1]) }
  }

  return {
    locate() {
      asking ??= find().finally(() => {
        asking = undefined
      })
      return asking
    },
    async admit(client) {
      const [role] = await client.sendCommand<readonly [string]>(['ROLE']).catch((error: unknown) => {
        throw error instanceof ErrorReply ? new Error(`ROLE: ${describeRedisError(error)}`) : error
      })
      if (role === 'master') return
      first = (first + 1) % nodes.length
      throw new Error(`what the sentinels name as master is a ${role}`)
    },
  }
}
