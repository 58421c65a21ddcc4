import { readLoopback, redirectProblem } from '../config/redirect-form.ts'
import { GatewayError } from '../errors.ts'
import type { AddressBrake } from '../http/address-brake.ts'
import { readStrictJson } from '../oidc/strict-json.ts'
import { createRecent } from '../session/recent.ts'
import { type FetchDocument, type FetchedDocument, refused } from './fetch-document.ts'

/** How long a document is believed, whatever it says of itself: what changes in it must arrive, and nobody may make us ask all the time. */
const [shortestSeconds, usualSeconds, longestSeconds] = [300, 3600, 86_400]
const mostKept = 512
/** Documents that are under way at once. More are asked to come back. */
const mostUnderWay = 8
/** Documents that one address may make us fetch in a minute. */
export const mostFetches = 10

/** The documents of clients that describe themselves (draft-ietf-oauth-client-id-metadata-document). */
export interface ClientDocuments {
  /**
   * Where the answers for a client may go, as its document says, in the forms of the configuration.
   *
   * @param id of a client that is let in
   * @param clientAddress of whoever asks
   * @throws {OAuthError} `invalid_client`; {GatewayError} `too_many_requests`
   */
  redirectsOf(id: string, clientAddress: string): Promise<readonly string[]>
}

export interface ClientDocumentsDeps {
  readonly fetchDocument: FetchDocument
  /** Counts documents that were fetched. */
  readonly brake: AddressBrake
  readonly now: () => number
}

interface Kept {
  readonly redirects: readonly string[]
  readonly until: number
}

export function createClientDocuments({ fetchDocument, brake, now }: ClientDocumentsDeps): ClientDocuments {
  const kept = createRecent<Kept>({ limit: mostKept, generationMs: longestSeconds * 1000, now })
  const underWay = new Map<string, Promise<readonly string[]>>()

  // What came to nothing is not kept: the next one tries again, as often as the brake lets them.
  async function fetchAnew(id: string): Promise<readonly string[]> {
    const document = await fetchDocument(new URL(id))
    const redirects = readRedirects(id, document)
    kept.set(id, { redirects, until: now() + lifeSeconds(document) * 1000 })
    return redirects
  }

  return {
    async redirectsOf(id, clientAddress) {
      const found = kept.get(id)
      if (found !== undefined && now() < found.until) return found.redirects
      const pending = underWay.get(id)
      if (pending !== undefined) return await pending
      if (brake.isOver(clientAddress) || underWay.size >= mostUnderWay) {
        throw new GatewayError('too_many_requests', 'too many documents of clients were asked for', { reason: 'rate_documents' })
      }
      brake.count(clientAddress)
      const fetching = fetchAnew(id).finally(() => underWay.delete(id))
      underWay.set(id, fetching)
      return await fetching
    },
  }
}

/** What the document says, as far as it is believed. What it calls itself is not read: anybody can write that. */
function readRedirects(id: string, { body }: FetchedDocument): readonly string[] {
  const value = readStrictJson(body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw refused('document_invalid', 'is not an object')
  const document = value as Readonly<Record<string, unknown>>
  // To the byte: otherwise one site could speak for another.
  if (document.client_id !== id) throw refused('document_invalid', 'is about another client')
  if ('client_secret' in document || (document.token_endpoint_auth_method ?? 'none') !== 'none') {
    throw refused('document_invalid', 'is about a client that has a secret or a key: clients here are public')
  }
  const { redirect_uris: uris, grant_types: grants = ['authorization_code'] } = document
  if (!Array.isArray(grants) || !grants.includes('authorization_code')) throw refused('document_invalid', 'asks for no code')
  const redirects = (Array.isArray(uris) ? (uris as unknown[]) : []).flatMap(uri => readRedirect(uri, id))
  if (redirects.length === 0) throw refused('document_invalid', 'has no redirect URI that can be used here')
  return [...new Set(redirects)]
}

/** By the rules of the configuration. A client may list more than we know; what cannot be used is left out. */
function readRedirect(uri: unknown, id: string): string[] {
  if (typeof uri !== 'string') return []
  const loopback = readLoopback(uri)
  // The port is the program's to choose, whatever the document says (RFC 8252 §7.3).
  const form = loopback === null ? uri : `http://${loopback.host}${loopback.path}`
  // The word opens any path, which is the operator's to give.
  if (form === 'loopback' || redirectProblem(form) !== null) return []
  // A site speaks for itself alone.
  if (form.startsWith('https:') && new URL(form).origin !== new URL(id).origin) return []
  return [form]
}

function lifeSeconds({ cacheControl }: FetchedDocument): number {
  const asked = /\bno-(store|cache)\b/i.test(cacheControl) ? 0 : Number(/\bmax-age=(\d{1,9})\b/i.exec(cacheControl)?.[1] ?? usualSeconds)
  return Math.min(Math.max(asked, shortestSeconds), longestSeconds)
}
