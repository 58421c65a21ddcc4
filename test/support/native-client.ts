import { createHash, randomBytes } from 'node:crypto'
import request, { type Response } from 'supertest'
import type { IdentityProvider, SignInOptions } from './identity-provider.ts'
import { createVisitor, refreshOf, type Visitor } from './visitor.ts'

/** A gateway as far as a native client needs to know it. */
export interface NativeGateway {
  readonly port: number
  /** What Host says where the authorization server is. */
  readonly host: string
}

/** What the tests configure: a client that may do all, and one that may do little. */
export const nativeClients = {
  cli: { name: 'Orders CLI', redirects: ['loopback'], scopes: ['orders.read', 'sessions'], device: true, delegate: true },
  other: { name: 'Other tool', redirects: ['http://127.0.0.1/cb', 'com.example.tool:/done'], scopes: ['orders.read'] },
}

/** One run of a program that signs its person in: its PKCE pair, its state, and where it listens. */
export function createRun(changes: Readonly<Record<string, string | null>> = {}) {
  const verifier = randomBytes(32).toString('base64url')
  const params: Record<string, string> = {
    response_type: 'code',
    client_id: 'cli',
    redirect_uri: 'http://127.0.0.1:51004/callback',
    state: randomBytes(16).toString('base64url'),
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    scope: 'orders.read',
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete params[name]
    else params[name] = value
  }
  return { verifier, params }
}

export type Run = ReturnType<typeof createRun>

export function authorizePath({ params }: Run): string {
  return `/oauth/authorize?${new URLSearchParams(params)}`
}

/** From /oauth/authorize through the provider to the approval page. */
export async function reachApproval(
  visitor: Visitor,
  idp: IdentityProvider,
  run: Run,
  options?: SignInOptions,
): Promise<{ readonly page: Response; readonly path: string }> {
  const begun = await visitor.visit(authorizePath(run), { site: 'none' })
  if (begun.status !== 302) throw new Error(`The sign-in does not begin: ${begun.status} ${begun.text}`)
  return arrive(visitor, await idp.signIn(String(begun.headers.location), options))
}

/** From the provider's answer to the approval page. */
export async function arrive(visitor: Visitor, callback: URL) {
  const handOff = await visitor.visit(callback.pathname + callback.search, { site: 'cross-site' })
  const path = refreshOf(handOff) ?? ''
  return { page: await visitor.visit(path), path }
}

/** Presses a button of the approval page. @param scopes the boxes that are ticked then; by default as the page has them */
export function decide(
  visitor: Visitor,
  { page, path }: { readonly page: Response; readonly path: string },
  decision: string,
  scopes: readonly string[] = tickedScopes(page),
) {
  const form = new URLSearchParams({ form_token: /name="form_token" value="([^"]*)"/.exec(page.text)?.[1] ?? '', decision })
  for (const scope of scopes) form.append('scope', scope)
  return visitor.visit(path, { method: 'POST', body: form.toString() })
}

/** What the form of the approval page would send if nobody touched it. */
export function tickedScopes({ text }: { readonly text: string }): string[] {
  const fields = [...text.matchAll(/<input type="(?:hidden|checkbox)" name="scope" value="([^"]*)"( checked)?>/g)]
  return fields.filter(([field, , checked]) => field.includes('hidden') || checked !== undefined).map(([, value = '']) => value)
}

/** Where the page that answers an approval leads. */
export function answerOf(response: Response): URL {
  const to = refreshOf(response)
  if (to === null) throw new Error(`The answer leads nowhere: ${response.status} ${response.text}`)
  return new URL(to)
}

/** Up to the code. */
export async function getCode(gateway: NativeGateway, idp: IdentityProvider, run: Run, options?: SignInOptions): Promise<string> {
  const visitor = createVisitor(gateway)
  const answer = answerOf(await decide(visitor, await reachApproval(visitor, idp, run, options), 'approve'))
  return answer.searchParams.get('code') ?? ''
}

/** Posts a form to an endpoint of programs. */
export function post(
  gateway: NativeGateway,
  path: string,
  params: Readonly<Record<string, string>> | string,
  headers: Readonly<Record<string, string>> = {},
) {
  const call = request(`http://127.0.0.1:${gateway.port}`).post(path).set('host', gateway.host).type('form').set(headers)
  return call.send(typeof params === 'string' ? params : new URLSearchParams(params).toString())
}

/** The token request for a code; null leaves a parameter out. */
export function redeem(gateway: NativeGateway, run: Run, code: string, changes: Readonly<Record<string, string | null>> = {}) {
  const params: Record<string, string> = {
    grant_type: 'authorization_code',
    client_id: run.params.client_id ?? '',
    redirect_uri: run.params.redirect_uri ?? '',
    code,
    code_verifier: run.verifier,
  }
  for (const [name, value] of Object.entries(changes)) {
    if (value === null) delete params[name]
    else params[name] = value
  }
  return post(gateway, '/oauth/token', params)
}

/** From nothing to a handle. */
export async function getHandle(
  gateway: NativeGateway,
  idp: IdentityProvider,
  changes: Readonly<Record<string, string | null>> = {},
  options?: SignInOptions,
): Promise<string> {
  const run = createRun(changes)
  const response = await redeem(gateway, run, await getCode(gateway, idp, run, options))
  if (response.status !== 200) throw new Error(`no handle: ${response.status} ${response.text}`)
  return String(response.body.access_token)
}

/** Calls with a handle, as a program does. */
export function call(
  gateway: { readonly port: number; readonly host: string },
  path: string,
  handle: string | null,
  headers: Readonly<Record<string, string>> = {},
  method: 'get' | 'post' | 'delete' = 'get',
) {
  const sent = request(`http://127.0.0.1:${gateway.port}`)[method](path).redirects(0).set('host', gateway.host)
  if (handle !== null) sent.set('authorization', `Bearer ${handle}`)
  return sent.set(headers)
}
