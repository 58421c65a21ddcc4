import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'

type Take = (request: IncomingMessage, response: ServerResponse) => void
type Json = Record<string, unknown>

/** What stands in the three parts of a JWT. */
export function opened(jwt: string): { readonly header: Json; readonly payload: string } {
  const [header = '', payload = ''] = jwt.split('.').map(part => Buffer.from(part, 'base64url').toString())
  return { header: JSON.parse(header) as Json, payload }
}

/** The token with another header and no signature. */
export function unsigned(jwt: string, header: Json): string {
  return `${encoded({ ...opened(jwt).header, ...header })}.${jwt.split('.')[1]}.`
}

/** The token signed by a key that is not the provider's, which its header may bring along. */
export function signedByStranger(jwt: string, header: (publicKey: Json) => Json = () => ({})): string {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = publicKey.export({ format: 'jwk' }) as Json
  return signedWith(privateKey, `${encoded({ ...opened(jwt).header, ...header(jwk) })}.${jwt.split('.')[1]}`)
}

/** The token with HS256 and a secret that everybody knows. */
export function signedWithSecret(jwt: string, secret: string): string {
  const input = `${encoded({ ...opened(jwt).header, alg: 'HS256' })}.${jwt.split('.')[1]}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

/** The token with one bit of its signature turned. */
export function flipped(jwt: string): string {
  const [header, payload, signature = ''] = jwt.split('.')
  const bytes = Buffer.from(signature, 'base64url')
  bytes[8] = (bytes[8] ?? 0) ^ 1
  return `${header}.${payload}.${bytes.toString('base64url')}`
}

/** What a JWE looks like from outside. */
export function encrypted(): string {
  return [encoded({ alg: 'RSA-OAEP', enc: 'A256GCM' }), 'a2V5', 'aXY', 'dGV4dA', 'dGFn'].join('.')
}

/** Sends people, codes and secrets elsewhere. */
export function redirects(status: number, location: string): Take {
  return (_request, response) => response.writeHead(status, { location }).end()
}

/** Says this, of this type and status. */
export function says(body: string | Buffer, type = 'application/json', status = 200, headers: Readonly<Record<string, string>> = {}): Take {
  return (_request, response) => response.writeHead(status, { 'content-type': type, ...headers }).end(body)
}

/** Never says anything. */
export const silence: Take = () => undefined

/** Says the head at once, and the rest a byte at a time, for ever. */
export const drip: Take = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).write('{"a":"')
  const timer = setInterval(() => response.write('x'), 20)
  response.on('close', () => clearInterval(timer))
}

/** 2 MiB of blanks before an empty object. */
export const flood: Take = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' })
  for (let index = 0; index < 32; index += 1) response.write(' '.repeat(65_536))
  response.end('{}')
}

/** 64 MiB in 64 KiB. */
export const bomb = says(gzipSync(Buffer.alloc(64 * 1024 * 1024, ' ')), 'application/json', 200, { 'content-encoding': 'gzip' })

/** Breaks off in the middle. */
export const broken: Take = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{', () => response.destroy())
}

/** JSON that is nested to a depth. */
export function nested(depth: number): string {
  return `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
}

function signedWith(key: KeyObject, input: string): string {
  return `${input}.${sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

function encoded(value: Json): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
