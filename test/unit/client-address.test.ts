import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { clientAddress, createTrustedProxies, networkOf } from '../../src/http/client-address.ts'

const proxies = createTrustedProxies(['10.0.0.0/8', '2001:db8:1::/48', '192.0.2.7'])

function address(peer: string, chain?: string, trusted = proxies): string {
  const headers = chain === undefined ? {} : { 'x-forwarded-for': chain, forwarded: 'for=198.51.100.99' }
  return clientAddress({ headers, socket: { remoteAddress: peer } } as unknown as IncomingMessage, trusted)
}

describe("a client's address", () => {
  it('HDR-08 is the peer of the socket, whatever an untrusted peer says', () => {
    assert.equal(address('198.51.100.1', '203.0.113.5'), '198.51.100.1')
    assert.equal(address('198.51.100.1', '10.0.0.1, 10.0.0.2'), '198.51.100.1')
    assert.equal(address('10.0.0.1', '203.0.113.5', createTrustedProxies([])), '10.0.0.1')
  })

  it('HDR-08 is the last address that no trusted proxy stands for, read from the right', () => {
    assert.equal(address('10.0.0.1', '203.0.113.5'), '203.0.113.5')
    assert.equal(address('10.0.0.1', '198.51.100.66, 203.0.113.5, 10.9.9.9'), '203.0.113.5')
    assert.equal(address('192.0.2.7', '198.51.100.66,203.0.113.5'), '203.0.113.5')
    assert.equal(address('10.0.0.1', '10.0.0.3, 10.0.0.2'), '10.0.0.3')
  })

  it('HDR-08 stops at what is no address', () => {
    for (const junk of ['unknown', '', ' ', '203.0.113.5 x', '_hidden', '1.2.3', "'; drop", '203.0.113.5, '])
      assert.equal(address('10.0.0.1', junk), '10.0.0.1', junk)
    assert.equal(address('10.0.0.1', 'evil, 10.0.0.2'), '10.0.0.2')
  })

  it('reads ports, brackets and mapped addresses', () => {
    assert.equal(address('::ffff:10.0.0.1', '203.0.113.5:4711'), '203.0.113.5')
    assert.equal(address('2001:db8:1::9', '[2001:db8:2::5]:443'), '2001:db8:2::5')
    assert.equal(address('2001:db8:1::9', '2001:db8:2::5'), '2001:db8:2::5')
    assert.equal(address('::ffff:198.51.100.1'), '198.51.100.1')
  })
})

describe('trusted proxies', () => {
  it('are blocks or single addresses, of both families', () => {
    for (const one of ['10.255.0.1', '::ffff:10.0.0.1', '2001:db8:1:ff::1', '192.0.2.7']) assert.equal(proxies.trusts(one), true, one)
    for (const other of ['11.0.0.1', '2001:db8:2::1', '192.0.2.8', '', undefined, 'x']) assert.equal(proxies.trusts(other), false, other)
  })

  it('are refused at start when they are no addresses', () => {
    for (const cidr of ['10.0.0.0/x', 'localhost', '', '10.0.0/8', '10.0.0.0/33']) assert.throws(() => createTrustedProxies([cidr]), cidr)
  })
})

describe('the network of an address', () => {
  it('is the address itself, of IPv6 the /64 in one spelling', () => {
    const networks = {
      '192.0.2.1': '192.0.2.1',
      '2001:db8:1:2:3:4:5:6': '2001:db8:1:2',
      '2001:db8::1': '2001:db8:0:0',
      '2001:db8:0:0:1::': '2001:db8:0:0',
      '2001:0DB8::': '2001:db8:0:0',
      '::1': '0:0:0:0',
      '::': '0:0:0:0',
      '1::2:3:4:5:6:7': '1:0:2:3',
      '64:ff9b::192.0.2.1': '64:ff9b:0:0',
      'fe80::1%eth0': 'fe80:0:0:0',
      '': '',
    }

    for (const [address, network] of Object.entries(networks)) assert.equal(networkOf(address), network, address)
  })
})
