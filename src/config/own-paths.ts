/** Where the public keys of X-Auth-Assertion are, on every origin (contract.md section 8). */
export const assertionKeysPath = '/.well-known/sallyport-jwks.json'

/**
 * Creates the test whether a path is the gateway's own, and no route's: what is under `paths.base`, and the address of
 * the keys, also where there are none. Otherwise an upstream, or whoever may put files there, could publish keys in our name.
 */
export function createOwnPathTest(base: string): (path: string) => boolean {
  const prefix = `${base}/`
  return path => path.startsWith(prefix) || path === base || path === assertionKeysPath
}
