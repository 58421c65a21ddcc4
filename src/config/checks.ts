import { checkOrigins } from './check-origins.ts'
import { checkProviders } from './check-providers.ts'
import { checkRoutes } from './check-routes.ts'
import { checkSession } from './check-session.ts'
import type { Draft } from './draft.ts'
import type { Keys } from './keys.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'

/** Takes down a mistake. The sentence says what is wrong and what to do, and holds no value of a secret. */
export type Report = (path: ConfigPath, message: string) => void

/** All checks between options. What one option says by itself is judged by the schema. */
export function checkDraft(draft: Draft, keys: Keys): readonly Mistake[] {
  const mistakes: Mistake[] = []
  const report: Report = (path, message) => mistakes.push({ path, message })
  checkOrigins(draft, report)
  checkProviders(draft, report)
  checkSession(draft, keys, report)
  checkRoutes(draft, report)
  return mistakes
}
