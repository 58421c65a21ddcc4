import type { SealingKey } from './config.ts'
import type { Draft } from './draft.ts'
import { decodeSealingKey } from './key-strength.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { readReference } from './outside.ts'
import { outsideOf, type ReferenceDeps } from './references.ts'

/** The sealing keys that could be read, by their position in session.sealingKeys. */
export type Keys = ReadonlyMap<number, SealingKey>

/** Reads session.sealingKeys, whose entries name a variable or file beside their id. */
export function readKeys(draft: Draft, deps: ReferenceDeps): { keys: Keys; mistakes: readonly Mistake[] } {
  const keys = new Map<number, SealingKey>()
  const mistakes: Mistake[] = []
  for (const [i, { id, env, file }] of (draft.session.sealingKeys ?? []).entries()) {
    const path: ConfigPath = ['session', 'sealingKeys', i]
    const text = readReference({ env, file }, outsideOf(deps, path))
    const decoded = 'problem' in text ? text : decodeSealingKey(text.value.trim())
    if ('problem' in decoded) mistakes.push({ path, message: decoded.problem })
    else keys.set(i, { id, key: decoded.key })
  }
  return { keys, mistakes }
}
