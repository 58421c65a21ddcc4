import { BlockList, isIP } from 'node:net'
import type { RequestHead } from './request-head.ts'

/** The proxies in front of us whose X-Forwarded-* are believed. */
export interface TrustedProxies {
  /** @param address as a socket tells it; undefined for a socket that is gone, which nobody trusts */
  trusts(address: string | undefined): boolean
}

/** Answers are kept for this many addresses: the proxies in front of us are few, their address is looked up with every request. */
const maxRemembered = 1000

/**
 * Makes the list of proxies that are believed.
 *
 * @param cidrs IPv4 or IPv6 blocks (`10.0.0.0/8`) or single addresses; none: nobody is believed
 * @throws {TypeError} for something that is neither
 */
export function createTrustedProxies(cidrs: readonly string[]): TrustedProxies {
  if (cidrs.length === 0) return { trusts: () => false }

  const list = new BlockList()
  for (const cidr of cidrs) addBlock(list, cidr)
  const remembered = new Map<string, boolean>()

  return {
    trusts(address) {
      if (address === undefined) return false
      let isTrusted = remembered.get(address)
      if (isTrusted === undefined) {
        const plain = unmapped(address)
        isTrusted = isIP(plain) !== 0 && list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4')
        if (remembered.size >= maxRemembered) remembered.clear()
        remembered.set(address, isTrusted)
      }
      return isTrusted
    },
  }
}

/**
 * Where a request comes from, as far as it can be known: the socket's peer, or, when that is a trusted proxy,
 * the last address in X-Forwarded-For that no trusted proxy stands for. Read from right to left, because each
 * proxy appends and only what trusted ones appended is known (RFC 7239 §8.1).
 *
 * `Forwarded` is not read: a proxy that sets only one of the two would let the client write the other.
 */
export function clientAddress(req: RequestHead, proxies: TrustedProxies): string {
  const peer = req.socket.remoteAddress
  if (peer === undefined) return ''
  const chain = req.headers['x-forwarded-for']
  if (chain === undefined || !proxies.trusts(peer)) return unmapped(peer)

  let known = unmapped(peer)
  // Node joins repeated lines with a comma, in order, so this reads them as one list.
  const entries = String(chain).split(',')
  for (let i = entries.length - 1; i >= 0; i--) {
    const address = unmapped(withoutPort(entries[i] ?? ''))
    if (isIP(address) === 0) return known
    known = address
    if (!proxies.trusts(address)) return known
  }
  return known
}

/**
 * Whose an address is, as far as limits are concerned: of IPv6 the first half, for the rest is the client's own to
 * choose (RFC 4291 §2.5.4).
 */
export function networkOf(address: string): string {
  if (!address.includes(':')) return address
  // What `::` stands for may be part of that half: one network has one spelling here.
  const [head = '', tail] = address.split('::', 2)
  const groups = head === '' ? [] : head.split(':')
  if (tail !== undefined) {
    const rest = tail === '' ? 0 : tail.split(':').length + (tail.includes('.') ? 1 : 0)
    while (groups.length + rest < 8) groups.push('0')
    if (tail !== '') groups.push(...tail.split(':'))
  }
  return groups
    .slice(0, 4)
    .map(group => Number.parseInt(group, 16).toString(16))
    .join(':')
}

function addBlock(list: BlockList, cidr: string): void {
  const [address = '', prefix] = cidr.split('/', 2)
  const version = isIP(address)
  const bits = prefix === undefined ? (version === 6 ? 128 : 32) : Number(prefix)
  if (version === 0 || !Number.isInteger(bits)) throw new TypeError(`not an address block: ${cidr}`)
  list.addSubnet(address, bits, version === 6 ? 'ipv6' : 'ipv4')
}

/** A socket that listens on `::` tells IPv4 peers as `::ffff:192.0.2.1`. */
export function unmapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

function withoutPort(entry: string): string {
  const text = entry.trim()
  if (text.startsWith('[')) return text.slice(1, text.indexOf(']'))
  const colon = text.indexOf(':')
  return colon !== -1 && colon === text.lastIndexOf(':') ? text.slice(0, colon) : text
}
