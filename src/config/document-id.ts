import { isIP } from 'node:net'

/** Room for it in a session's record, in lists and in audit lines. */
const longest = 255

/**
 * What is wrong with a text that should be the id of a client which describes itself: the https address of its document
 * (draft-ietf-oauth-client-id-metadata-document). Null when nothing is.
 *
 * Only one spelling is taken, and only plain ones: the id is compared as a text, and then opened as an address.
 */
export function documentIdProblem(text: string): string | null {
  const problem = siteProblem(text)
  if (problem !== null) return problem
  return new URL(text).pathname === '/' ? 'must have a path: it is the address of one document' : null
}

/** The same of what is let in: one document, or, without a path, all those of an origin. */
export function siteProblem(text: string): string | null {
  const url = text.length > longest ? null : URL.parse(text)
  if (url?.protocol !== 'https:') return `must be an https URL of at most ${longest} characters`
  // Without one the URL standard writes a slash.
  if (text !== url.href && `${text}/` !== url.href) return 'must be written as the URL standard writes it'
  if (!/^https:\/\/[a-z0-9.-]+(:\d+)?(\/[A-Za-z0-9._~-]+)*$/.test(text)) {
    return 'must be https://, a host and a path of letters, digits and . _ ~ -, without user name, query, fragment or a slash at the end'
  }
  return isIP(url.hostname) === 0 && /[^.]\.[a-z][a-z0-9-]*$/.test(url.hostname) ? null : 'must have a public host name, not an address'
}
