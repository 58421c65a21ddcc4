import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

/** A self-signed certificate, made in memory and good for a day; it is its own certificate authority. */
export interface Certificate {
  /** PEM. Give it as `ca` to a client that is to believe it. */
  readonly cert: string
  /** PEM. */
  readonly key: string
}

/**
 * Makes a certificate for the names, so that tests need no openssl and keep no key in the repository.
 *
 * @param names host names and IPv4 addresses
 */
export function makeCertificate(names: readonly string[] = ['localhost', '127.0.0.1']): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ecdsaWithSha256 = sequence(objectId('2a8648ce3d040302'))
  const name = sequence(set(sequence(objectId('550403'), text(names[0] ?? 'localhost'))))
  // A minute back, because the reader's clock may be a little behind.
  const validity = sequence(instant(Date.now() - 60_000), instant(Date.now() + 86_400_000))
  const extensions = context(
    3,
    sequence(
      sequence(objectId('551d13'), octets(sequence(Buffer.of(1, 1, 0xff)))),
      sequence(objectId('551d11'), octets(sequence(...names.map(alternativeName)))),
    ),
  )
  const body = sequence(
    context(0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), randomBytes(8)])),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    extensions,
  )
  const signature = element(0x03, Buffer.of(0), sign('sha256', body, privateKey))
  const der = sequence(body, ecdsaWithSha256, signature)
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** DER: tag, length, content (X.690 §8.1). */
function element(tag: number, ...content: Buffer[]): Buffer {
  const bytes = Buffer.concat(content)
  const { length } = bytes
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), bytes])
}

const sequence = (...content: Buffer[]) => element(0x30, ...content)
const set = (...content: Buffer[]) => element(0x31, ...content)
const context = (number: number, ...content: Buffer[]) => element(0xa0 + number, ...content)
const integer = (bytes: Buffer) => element(0x02, bytes)
const octets = (bytes: Buffer) => element(0x04, bytes)
const text = (value: string) => element(0x0c, Buffer.from(value))
const objectId = (hex: string) => element(0x06, Buffer.from(hex, 'hex'))

function instant(atMs: number): Buffer {
  return element(0x18, Buffer.from(`${new Date(atMs).toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))
}

/** GeneralName of RFC 5280 §4.2.1.6: iPAddress or dNSName. */
function alternativeName(name: string): Buffer {
  return isIP(name) === 4 ? element(0x87, Buffer.from(name.split('.').map(Number))) : element(0x82, Buffer.from(name))
}
