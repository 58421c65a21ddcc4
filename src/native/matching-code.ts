import { hash } from 'node:crypto'

/** Consonants alone: no word comes about, and none of them looks like another. RFC 8628 §6.1. */
export const codeLetters = 'BCDFGHJKLMNPQRSTVWXZ'

/**
 * Four letters that the program shows in its terminal and we on the approval page, made of what both know: `KQ-RT`. It
 * tells people with two sign-ins under way which is which, and people with no program at hand that something is wrong.
 * It is no secret, and proves nothing: whoever sends a link can compute it.
 *
 * @param challenge the PKCE code challenge of the authorization request
 */
export function matchingCode(challenge: string): string {
  const bytes = hash('sha256', `sallyport matching code ${challenge}`, 'buffer')
  const letters = [...bytes.subarray(0, 4)].map(byte => codeLetters[byte % codeLetters.length]).join('')
  return `${letters.slice(0, 2)}-${letters.slice(2)}`
}
