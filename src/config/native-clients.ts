import { documentIdProblem } from './document-id.ts'
import type { NativeClient, NativeConfig } from './native-config.ts'

/** The native clients that there are, by id. */
export interface NativeClients {
  get(id: string): NativeClient | undefined
  /** Those of the scopes that the client may ask for as it is configured now: the very list where that is all of them. */
  stillAllowed(id: string, scopes: readonly string[]): readonly string[]
}

/**
 * The clients of the configuration, and those whose id is the address of a document that it lets in. Of the latter
 * everything is known but the redirect URIs: those stand in the document, which nobody fetches for a look-up.
 *
 * A client that is let in no more is found no more, so that its handles open nothing (NHI-03).
 */
export function createNativeClients({ clients, clientIdMetadata }: Pick<NativeConfig, 'clients' | 'clientIdMetadata'>): NativeClients {
  const configured = new Map(clients.map(client => [client.id, client]))
  const { allow, scopes } = clientIdMetadata ?? { allow: [], scopes: [] }
  const allowed = new Set(allow)

  function isAllowed(id: string): boolean {
    return documentIdProblem(id) === null && (allowed.has(id) || allowed.has(new URL(id).origin))
  }

  function get(id: string): NativeClient | undefined {
    const client = configured.get(id)
    if (client !== undefined || !isDocumentId(id) || !isAllowed(id)) return client
    // Its host is what somebody has vouched for; what it calls itself anybody can write (NAT-16).
    return { id, name: new URL(id).host, redirects: [], scopes, par: 'auto', responseMode: 'any', device: false, delegate: false }
  }

  return {
    get,
    stillAllowed(id, approved) {
      const own = get(id)?.scopes ?? []
      return approved.every(scope => own.includes(scope)) ? approved : approved.filter(scope => own.includes(scope))
    },
  }
}

/**
 * The clients whose agents people can make by themselves: those that may hand on. None where the authorization server has
 * no origin of its own: no application's origin ever answers with a handle.
 */
export function agentClients(native: NativeConfig | undefined): readonly NativeClient[] {
  return native?.hasOwnOrigin === true ? native.clients.filter(({ delegate }) => delegate) : []
}

/** Whether a client id is the address of a document; no configured one can look like it. */
export function isDocumentId(id: string): boolean {
  return id.startsWith('https://')
}
