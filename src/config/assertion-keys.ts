import type { AssertionKey } from './config.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { readReference } from './outside.ts'
import { readSigningKey } from './private-key.ts'
import { outsideOf, type ReferenceDeps } from './references.ts'

/** The keys that could be read, by their position in assertionKeys. */
export type AssertionKeys = ReadonlyMap<number, AssertionKey>

// ES256 alone: every JOSE library has it, its signatures are short, and an upstream need allow no other (RFC 8725 §3.1).
const algorithm = 'ES256'

/** Reads assertionKeys, whose entries name a variable or file beside their id. */
export function readAssertionKeys(
  { sections }: Draft,
  deps: ReferenceDeps,
): { assertionKeys: AssertionKeys; mistakes: readonly Mistake[] } {
  const assertionKeys = new Map<number, AssertionKey>()
  const mistakes: Mistake[] = []
  for (const [i, { id, env, file }] of (sections.assertionKeys ?? []).entries()) {
    const path: ConfigPath = ['assertionKeys', i]
    const text = readReference({ env, file }, outsideOf(deps, path))
    const read = 'problem' in text ? text : readKey(text.value)
    if ('problem' in read) mistakes.push({ path, message: read.problem })
    else assertionKeys.set(i, { id, key: read.key })
  }
  return { assertionKeys, mistakes }
}

function readKey(text: string): Pick<AssertionKey, 'key'> | { readonly problem: string } {
  const read = readSigningKey(text)
  if ('key' in read && read.algorithm === algorithm) return read
  const forms = 'PEM (PKCS #8) without a passphrase, or one JWK in JSON'
  return { problem: `must be a private key on P-256, for ES256: ${forms}. Make one with sallyport keys generate --kind assertion` }
}
