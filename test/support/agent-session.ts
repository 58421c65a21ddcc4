import type { Response } from 'supertest'
import type { IdentityProvider, SignInOptions } from './identity-provider.ts'
import { arrive, decide, type NativeGateway } from './native-client.ts'
import { createVisitor, refreshOf, type VisitOptions, type Visitor } from './visitor.ts'

/** What the form of an agent session sends. */
export interface AgentFields {
  readonly client_id?: string
  readonly name?: string
  readonly scopes?: readonly string[]
  /** As it is typed: lines. */
  readonly routes?: string
  readonly max_calls?: string
  readonly expires_in?: string
}

/** Fills in the form, and sends it. */
export function sendAgentForm(visitor: Visitor, fields: AgentFields = {}, options: VisitOptions = {}): Promise<Response> {
  const { scopes = ['openid'], ...texts } = fields
  const form = new URLSearchParams({ client_id: 'cli', name: 'nightly', expires_in: '900', routes: '', max_calls: '', ...texts })
  for (const scope of scopes) form.append('scope', scope)
  return visitor.visit('/oauth/agent', { method: 'POST', body: form.toString(), ...options })
}

/** From the form through the provider to the approval. */
export async function reachAgentApproval(visitor: Visitor, idp: IdentityProvider, fields?: AgentFields, options?: SignInOptions) {
  const begun = await sendAgentForm(visitor, fields)
  const authorization = refreshOf(begun)
  if (authorization === null) throw new Error(`The sign-in does not begin: ${begun.status} ${begun.text}`)
  return arrive(visitor, await idp.signIn(authorization, options))
}

/** The handle that a page shows; null where it shows none. */
export function handleOn({ text }: Pick<Response, 'text'>): string | null {
  return /<textarea class="field handle"[^>]*>(spt_[^<]+)<\/textarea>/.exec(text)?.[1] ?? null
}

/** From nothing to a handle. @param login where the authorization server is */
export async function makeAgent(
  login: NativeGateway,
  idp: IdentityProvider,
  fields?: AgentFields,
  options?: SignInOptions,
): Promise<string> {
  const visitor = createVisitor(login)
  const page = await decide(visitor, await reachAgentApproval(visitor, idp, fields, options), 'approve')
  const handle = handleOn(page)
  if (handle === null) throw new Error(`no handle: ${page.status} ${page.text}`)
  return handle
}
