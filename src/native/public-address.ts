import { BlockList, isIPv4, isIPv6 } from 'node:net'

/** What the IANA registry of special-purpose IPv4 addresses keeps from the public internet (RFC 6890), and multicast. */
const specialIPv4 = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]

/** The same within 2000::/3, all that is unicast and public of IPv6 (RFC 4291 §2.4): Teredo and its like, 6to4, documentation. */
const specialIPv6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const special = new BlockList()
for (const block of specialIPv4) special.addSubnet(...parse(block), 'ipv4')
for (const block of specialIPv6) special.addSubnet(...parse(block), 'ipv6')

const globalUnicast = new BlockList()
globalUnicast.addSubnet('2000::', 3, 'ipv6')

/**
 * Whether an address is one of the public internet. What carries an IPv4 address within an IPv6 one (mapped, NAT64,
 * 6to4) is none: it would be another way to the same private places.
 */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !special.check(address, 'ipv4')
  // A zone belongs to an address of one link.
  return isIPv6(address) && !address.includes('%') && globalUnicast.check(address, 'ipv6') && !special.check(address, 'ipv6')
}

function parse(block: string): [string, number] {
  const [net = '', prefix] = block.split('/')
  return [net, Number(prefix)]
}
