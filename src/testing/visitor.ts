import type { Agent, Response } from 'supertest'

/** The headers of somebody who opens an address in the browser itself: `agent.get('/reports').set(navigation)`. */
export const navigation = {
  accept: 'text/html,*/*;q=0.8',
  'sec-fetch-site': 'none',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
} as const

const script = { accept: '*/*', 'sec-fetch-site': 'same-origin', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' } as const

export interface SignInOptions {
  /** Who is to sign in; by default a new browser. One that is signed in already does a step-up where `login` asks for one. */
  readonly agent?: Agent
  /** The query of /auth/login, such as `{ acr_values: 'mfa' }`. */
  readonly login?: Readonly<Record<string, string>>
}

/**
 * Creates a browser as far as a test of routes needs one: it keeps cookies, and calls as a script of the application
 * does. It follows nothing by itself.
 *
 * @throws {Error} that says what to install where supertest is missing
 */
export async function createAgents(origin: string): Promise<() => Agent> {
  const { default: supertest } = await import('supertest').catch((cause: unknown) => {
    throw new Error('sallyport/testing needs supertest: npm install --save-dev supertest @types/supertest', { cause })
  })
  return () => supertest.agent(origin).set(script).redirects(0)
}

/**
 * Takes a browser through a sign-in, from /auth/login to the end of /auth/continue.
 *
 * @throws {Error} with the answer of the step that did not go on
 */
export async function signIn(agent: Agent, person: string, base: string, login: Readonly<Record<string, string>>): Promise<void> {
  const query = new URLSearchParams(login)
  const begun = await agent.get(`${base}/login?${query}`).set(navigation)
  const authorization = leadsTo(begun, 302)

  const chosen = await fetch(authorization, { method: 'POST', body: new URLSearchParams({ person }), redirect: 'manual' })
  const callback = new URL(chosen.headers.get('location') ?? '', authorization)
  const answer = await agent.get(callback.pathname + callback.search).set({ ...navigation, 'sec-fetch-site': 'cross-site' })
  // The page between the callback and /continue goes on by itself.
  const next = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(answer.text)?.[1]
  if (answer.status !== 200 || next === undefined) throw stuck(answer)
  leadsTo(await agent.get(plainText(next)).set({ ...navigation, 'sec-fetch-site': 'same-origin' }), 303)
}

function leadsTo(answer: Response, status: number): string {
  const { location } = answer.headers as Record<string, string | undefined>
  if (answer.status !== status || location === undefined) throw stuck(answer)
  return location
}

function stuck(answer: Response): Error {
  const code = String(answer.headers['sallyport-error'] ?? 'no error code')
  return new Error(`The sign-in does not go on: ${answer.status} (${code}). The log and the audit of the test gateway say more.`)
}

function plainText(text: string): string {
  return text.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&amp;', '&')
}
