import type { AdminTokens } from './admin-tokens.ts'
import type { AssertionKeys } from './assertion-keys.ts'
import { checkAdmin } from './check-admin.ts'
import { checkAssertions } from './check-assertions.ts'
import { checkForwardAuth } from './check-forward-auth.ts'
import { checkNative } from './check-native.ts'
import { checkOrigins } from './check-origins.ts'
import { checkProbes } from './check-probes.ts'
import { checkProviders } from './check-providers.ts'
import { checkReuse } from './check-reuse.ts'
import { checkRoutes } from './check-routes.ts'
import { checkSession } from './check-session.ts'
import { checkUpstreams } from './check-upstreams.ts'
import type { ClientAuths } from './client-auth.ts'
import type { Draft } from './draft.ts'
import type { Keys } from './keys.ts'
import type { ConfigPath, Mistake } from './mistakes.ts'

/** Takes down a mistake. The sentence says what is wrong and what to do, and holds no value of a secret. */
export type Report = (path: ConfigPath, message: string) => void

/** What has been made of the options that say where a key is. */
export interface Evidence {
  readonly keys: Keys
  readonly clientAuths: ClientAuths
  readonly adminTokens: AdminTokens
  readonly assertionKeys: AssertionKeys
  /** Epoch ms: certificates have dates. */
  readonly now: number
}

/** All checks between options. What one option says by itself is judged by the schema. */
export function checkDraft(draft: Draft, evidence: Evidence): readonly Mistake[] {
  const mistakes: Mistake[] = []
  const report: Report = (path, message) => mistakes.push({ path, message })
  checkOrigins(draft, report)
  checkProviders(draft, evidence, report)
  checkSession(draft, report)
  checkAdmin(draft, evidence, report)
  checkForwardAuth(draft, report)
  checkNative(draft, report)
  checkProbes(draft, report)
  checkReuse(draft, evidence, report)
  checkRoutes(draft, report)
  checkAssertions(draft, report)
  checkUpstreams(draft, evidence, report)
  return mistakes
}
