import type { RedisAddress } from '../config/store-config.ts'

export const slotCount = 16_384

/** A run of slots and the master that serves it. */
export interface SlotRange {
  readonly first: number
  readonly last: number
  readonly master: RedisAddress
}

// CRC16 as XMODEM has it: polynomial 0x1021, from zero, by bytes (Redis Cluster specification, appendix A).
const crcOfByte = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** The slot of a key: that of its hash tag, the part between the first `{` and the next `}`. Keys are ASCII. */
export function slotOf(key: string): number {
  const open = key.indexOf('{')
  const close = open < 0 ? -1 : key.indexOf('}', open + 1)
  const [from, to] = close > open + 1 ? [open + 1, close] : [0, key.length]
  let crc = 0
  for (let at = from; at < to; at += 1) crc = ((crc << 8) & 0xffff) ^ (crcOfByte[((crc >> 8) ^ key.charCodeAt(at)) & 0xff] ?? 0)
  return crc % slotCount
}

/**
 * Reads the answer to CLUSTER SLOTS.
 *
 * @param asked who answered: a node whose own address is unknown to it leaves the host out
 * @throws {Error} for what is none, and for a node that belongs to no cluster
 */
export function readSlots(reply: unknown, asked: RedisAddress): readonly SlotRange[] {
  if (!Array.isArray(reply) || reply.length === 0) throw new Error('knows no slots')
  return reply.map((entry: readonly [number, number, readonly [string | null, number]]) => {
    const [first, last, [host, port]] = entry
    return { first, last, master: { host: namedHost(host, asked), port } }
  })
}

/** Where a redirect leads to: the end of `MOVED 3999 10.0.0.7:6379` and of `ASK 3999 10.0.0.7:6379`. */
export function readRedirect(refusal: string, asked: RedisAddress): RedisAddress | null {
  const [, host, port] = /^(?:MOVED|ASK) \d+ (\S*):(\d+)$/.exec(refusal) ?? []
  return port === undefined ? null : { host: namedHost(host, asked), port: Number(port) }
}

function namedHost(host: string | null | undefined, asked: RedisAddress): string {
  return host === null || host === undefined || host === '' || host === '?' ? asked.host : host
}
