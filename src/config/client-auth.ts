import { resolve } from 'node:path'
import type { Report } from './checks.ts'
import type { ClientAuth } from './config.ts'
import type { Draft } from './draft.ts'
import { isPlaceholder } from './key-strength.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { readSigningKey } from './private-key.ts'
import type { ReferenceDeps } from './references.ts'
import type { ProviderOptions } from './schema-provider.ts'

type Options = ProviderOptions['clientAuth']
type Member = Exclude<keyof Options, 'method'>

/** How the gateway proves who it is, by the provider's id; those in which something is wrong are left out. */
export type ClientAuths = ReadonlyMap<string, ClientAuth>

/** What each method takes beside itself, the first of which it cannot do without. */
const membersOf: Readonly<Record<Options['method'], readonly Member[]>> = {
  client_secret_basic: ['secret'],
  client_secret_post: ['secret'],
  private_key_jwt: ['key', 'keyId', 'algorithm', 'audience'],
  tls_client_auth: [],
  client_assertion: ['assertion'],
}

/** Reads the providers' clientAuth: the keys among their options, and which options go together. */
export function readClientAuths(
  { providers }: Draft,
  deps: Pick<ReferenceDeps, 'baseDirOf'>,
): { clientAuths: ClientAuths; mistakes: readonly Mistake[] } {
  const clientAuths = new Map<string, ClientAuth>()
  const mistakes: Mistake[] = []
  const report: Report = (path, message) => mistakes.push({ path, message })
  for (const [id, { clientAuth }] of providers) {
    const path: ConfigPath = ['identityProviders', id, 'clientAuth']
    const read = clientAuth === undefined ? null : readOptions(clientAuth, path)
    if (read !== null) clientAuths.set(id, read)
  }
  return { clientAuths, mistakes }

  function readOptions(options: Options, path: ConfigPath): ClientAuth | null {
    const { method, secret, assertion } = options
    const members = membersOf[method]
    const strays = Object.keys(options).filter(name => name !== 'method' && !members.includes(name as Member))
    for (const name of strays) report([...path, name], `has no meaning with method: ${method}: remove it`)
    const [needed] = members
    if (needed !== undefined && options[needed] === undefined) report(path, `needs ${needed}: { file: path } with method: ${method}`)

    if (method === 'tls_client_auth') return { method }
    if (method === 'private_key_jwt') return readKey(options, path)
    if (method === 'client_assertion') {
      const at = [...path, 'assertion', 'file']
      return assertion === undefined ? null : { method, assertionFile: resolve(deps.baseDirOf(at), assertion.file) }
    }
    if (secret !== undefined && isPlaceholder(secret))
      report([...path, 'secret'], 'is a placeholder: put in the secret that the provider gave')
    return secret === undefined ? null : { method, secret }
  }

  function readKey({ key: text, keyId, algorithm, audience = 'issuer' }: Options, path: ConfigPath): ClientAuth | null {
    if (text === undefined) return null
    const read = readSigningKey(text)
    if ('problem' in read) {
      report([...path, 'key'], read.problem)
      return null
    }
    if (algorithm !== undefined && algorithm !== read.algorithm)
      report([...path, 'algorithm'], `does not fit the key, which signs with ${read.algorithm}: write that, or leave it out`)
    return { method: 'private_key_jwt', audience, ...read, ...(keyId !== undefined && { keyId }) }
  }
}
