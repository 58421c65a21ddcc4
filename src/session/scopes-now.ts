import { createNativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import type { SessionRecord } from './session.ts'

/** What a session may do of what it was approved for, under the configuration as it is now. */
export type ScopesNow = (record: Pick<SessionRecord, 'client' | 'scopes'>) => readonly string[]

/**
 * Of a browser all of it: its scopes are the provider's word. Of a native client and its agents what the client may
 * still ask for: what an operator has taken away counts no more, and counts again once it is given back.
 *
 * @param native null where no native client signs in
 * @returns a function that gives the very list of the record where nothing was taken away
 */
export function createScopesNow(native: NativeConfig | null): ScopesNow {
  const clients = native === null ? null : createNativeClients(native)
  return ({ client, scopes }) => (client === undefined ? scopes : (clients?.stillAllowed(client.id, scopes) ?? []))
}
