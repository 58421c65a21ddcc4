import { generateKeyPairSync } from 'node:crypto'
import { createRemoteJWKSet, customFetch, type JWTVerifyGetKey } from 'jose'
import { exchangeRaw } from './raw-http.ts'

/** The place of a gateway's keys, on every origin. */
export const keysPath = '/.well-known/sallyport-jwks.json'

/** A private key for `assertionKeys`. */
export function makeAssertionKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** A `fetch` that finds a name under which browsers know the gateway at its port on loopback. */
export function fetchAt(place: { readonly port: number }): (url: string | URL | Request) => Promise<Response> {
  return async url => {
    const { pathname, search, host } = new URL(url instanceof Request ? url.url : url)
    const { status, lines, body } = await exchangeRaw(place.port, `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}`)
    return new Response(body, { status, headers: lines.map(([name, value]): [string, string] => [name, value]) })
  }
}

/** The published keys, as an upstream gets them. */
export function publishedKeys(place: { readonly port: number; readonly host: string }): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(`https://${place.host}${keysPath}`), { [customFetch]: fetchAt(place) })
}
