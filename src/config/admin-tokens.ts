import type { AdminToken } from './config.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'
import { readReference } from './outside.ts'
import { outsideOf, type ReferenceDeps } from './references.ts'

/** The admin tokens that could be read, by their position in admin.tokens. */
export type AdminTokens = ReadonlyMap<number, AdminToken>

/** Reads admin.tokens, whose entries name a variable or file beside their id. */
export function readAdminTokens(draft: Draft, deps: ReferenceDeps): { adminTokens: AdminTokens; mistakes: readonly Mistake[] } {
  const adminTokens = new Map<number, AdminToken>()
  const mistakes: Mistake[] = []
  for (const [i, { id, env, file }] of (draft.admin.tokens ?? []).entries()) {
    const path: ConfigPath = ['admin', 'tokens', i]
    const text = readReference({ env, file }, outsideOf(deps, path))
    if ('problem' in text) mistakes.push({ path, message: text.problem })
    else adminTokens.set(i, { id, token: text.value.trim() })
  }
  return { adminTokens, mistakes }
}
