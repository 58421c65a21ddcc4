import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'
import type { SealingKey } from '../config/config.ts'

/** What a sealed record is: the seal vouches for all of it, so that no record passes for another. */
export interface RecordName {
  readonly type: 'session' | 'wrap' | 'vault' | 'attempt' | 'result' | 'code' | 'par' | 'device' | 'user_code' | 'approval'
  /** The id that the store keeps it under. */
  readonly key: string
  /** Grows with every write where a record is written more than once. */
  readonly version: number
}

/** Why a record does not open. `unknown_key`: keep it, the key may come back. `altered`: somebody changed it. */
export type SealFailure = 'unknown_key' | 'altered'

/** Seals and opens records with the gateway's keys: the first seals, all open. */
export interface Sealing {
  /** @param secret with it, only a holder of the secret and the gateway's key together can open the record */
  seal(name: RecordName, plaintext: string, secret?: string): string
  open(name: Omit<RecordName, 'version'>, sealed: string, secret?: string): Opened | SealFailure
  /** Whether the record is sealed under the first key, so that the others can be retired. */
  isCurrent(sealed: string): boolean
}

export interface Opened {
  readonly plaintext: string
  readonly version: number
}

// A record is `1.<key id>.<version>.<base64url of iv, ciphertext, tag>`. The 1 is the format: a later one can
// tell the two apart.
const format = '1'
const ivBytes = 12
const tagBytes = 16

/**
 * Seals with AES-256-GCM under keys derived by HKDF-SHA-256 for each record, so no key sees many IVs.
 *
 * All keys are key objects: one that is bytes costs Node 3 to 8 µs more each time, as much as the rest of it.
 */
export function createSealing(keys: readonly [SealingKey, ...SealingKey[]]): Sealing {
  const byId = new Map(keys.map(entry => [entry.id, createSecretKey(entry.key)]))
  const [{ id: firstId, key }] = keys
  const firstKey = createSecretKey(key)
  const currentPrefix = `${format}.${firstId}.`

  return {
    seal: (name, plaintext, secret = '') => encrypt(derive(firstKey, name, secret), firstId, name, plaintext),
    open(name, sealed, secret = '') {
      const header = readHeader(sealed)
      if (header === null) return 'altered'
      const key = byId.get(header.keyId)
      if (key === undefined) return 'unknown_key'
      return decrypt(derive(key, name, secret), header, name)
    },
    isCurrent: sealed => sealed.startsWith(currentPrefix),
  }
}

// A vault names no gateway key: its data key is its own.
const dataKeyId = '-'

/** Seals under a family's own data key (32 bytes). */
export function sealUnder(dataKey: Buffer, name: RecordName, plaintext: string): string {
  return encrypt(createSecretKey(dataKey), dataKeyId, name, plaintext)
}

/** Opens what `sealUnder` sealed; null when it is not that. */
export function openUnder(dataKey: Buffer, name: Omit<RecordName, 'version'>, sealed: string): Opened | null {
  const header = readHeader(sealed)
  if (header === null || header.keyId !== dataKeyId) return null
  const opened = decrypt(createSecretKey(dataKey), header, name)
  return opened === 'altered' ? null : opened
}

function derive(key: KeyObject, name: Omit<RecordName, 'version'>, secret: string): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', key, secret, `sallyport ${name.type} ${name.key}`, 32)))
}

function encrypt(key: KeyObject, keyId: string, name: RecordName, plaintext: string): string {
  const iv = randomBytes(ivBytes)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(associatedData(keyId, name))
  const body = Buffer.concat([iv, cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `${format}.${keyId}.${name.version}.${body.toString('base64url')}`
}

interface Header {
  readonly keyId: string
  readonly version: number
  readonly body: string
}

function decrypt(key: KeyObject, header: Header, name: Omit<RecordName, 'version'>): Opened | 'altered' {
  const bytes = Buffer.from(header.body, 'base64url')
  if (bytes.length < ivBytes + tagBytes) return 'altered'
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), { authTagLength: tagBytes })
  decipher.setAAD(associatedData(header.keyId, { ...name, version: header.version }))
  decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes))
  try {
    const text = decipher.update(bytes.subarray(ivBytes, bytes.length - tagBytes), undefined, 'utf8') + decipher.final('utf8')
    return { plaintext: text, version: header.version }
  } catch {
    return 'altered'
  }
}

// JSON keeps the parts apart: no two different names give the same bytes.
function associatedData(keyId: string, name: RecordName): Buffer {
  return Buffer.from(JSON.stringify([format, keyId, name.type, name.key, name.version]))
}

function readHeader(sealed: string): Header | null {
  const parts = sealed.split('.', 5)
  const [recordFormat, keyId, version, body] = parts
  if (parts.length !== 4 || recordFormat !== format || keyId === undefined || version === undefined || body === undefined) return null
  const number = Number(version)
  if (!Number.isSafeInteger(number) || String(number) !== version) return null
  return { keyId, version: number, body }
}
