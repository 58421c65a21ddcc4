import type { RedisConnection } from './redis-connection.ts'
import type { RedisHealth } from './redis-health.ts'

const question = ['INFO', 'memory']

/**
 * Tells the operator when this Redis may drop what the store counts on (RDS-11). It is no reason not to serve:
 * nothing is evicted before the memory is full. Without the right to ask nothing is said.
 */
export function reportEviction(connection: RedisConnection, health: RedisHealth): void {
  connection.inquire<unknown>(question).then(
    reply => {
      const field = (name: string) => new RegExp(`^${name}:(.+?)\\r?$`, 'm').exec(String(reply))?.[1]
      const policy = field('maxmemory_policy')
      const isBounded = Number(field('maxmemory') ?? 0) > 0
      if (isBounded && policy !== undefined && policy !== 'noeviction') health.evictsBy(policy)
    },
    () => {},
  )
}
