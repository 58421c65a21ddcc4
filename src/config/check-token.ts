import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import type { ConfigPath } from './mistakes.ts'
import type { RouteOptions } from './schema-routes.ts'
import type { TokenOptions } from './schema-token.ts'

type TokenMap = Exclude<TokenOptions, string>

/** Checks what a route attaches: that it is one thing, that the route reads the session it comes of, and that it can be got. */
export function checkToken({ token, access }: Partial<RouteOptions>, path: ConfigPath, draft: Draft, report: Report): void {
  if (token === undefined) return
  const at = [...path, 'token']
  if (access !== undefined) checkAccess(token, access, at, report)
  if (typeof token === 'string') return
  checkKind(token, at, report)
  // A refresh asks for what was granted at the sign-in, and no more (RFC 6749 §6).
  checkScopes(token.scopes ?? [], [...at, 'scopes'], draft, report)
  checkAudience(token, at, draft, report)
  const { exchange, client } = token
  if (exchange !== undefined && exchange.audience === undefined && exchange.resource === undefined)
    report([...at, 'exchange'], 'needs audience or resource: whom the token is for')
  if (exchange?.resource !== undefined && !URL.canParse(exchange.resource))
    report([...at, 'exchange', 'resource'], 'must be an absolute URI (RFC 8693 §2.1): a name goes into audience')
  if (client !== undefined && draft.providers.size > 0 && !draft.providers.has(client.provider))
    report([...at, 'client', 'provider'], `is none of identityProviders: ${[...draft.providers.keys()].join(', ')}`)
}

/** A scope that is never asked for is never granted. */
export function checkScopes(scopes: readonly string[], at: ConfigPath, { providers }: Draft, report: Report): void {
  const asked = [...providers.values()].map(provider => provider.scopes)
  // A provider that could not be read may be the one that asks for it.
  if (asked.length === 0 || asked.includes(undefined)) return
  scopes.forEach((scope, i) => {
    if (asked.some(known => known?.includes(scope))) return
    report([...at, i], 'is a scope that no provider asks for: add it to identityProviders.<id>.scopes')
  })
}

function checkAccess(token: TokenOptions, access: RouteOptions['access'], at: ConfigPath, report: Report): void {
  if (token === 'passthrough') {
    if (access !== 'anyone') report(at, 'needs access: anyone: with a session, what the client sends is no credential')
  } else if (access === 'anyone' && token !== 'none') {
    report(at, 'is never attached with access: anyone, which does not read the session: remove it')
  } else if (access === 'optional' && typeof token === 'object' && token.client !== undefined) {
    // Whoever comes would act with the gateway's own authority.
    report([...at, 'client'], 'is only for people who are signed in: use access: signed-in')
  }
}

function checkKind(token: TokenMap, at: ConfigPath, report: Report): void {
  const [first, ...others] = (['audience', 'exchange', 'client'] as const).filter(name => token[name] !== undefined)
  if (first === undefined) report(at, 'needs audience, exchange or client: whom the token is for')
  for (const other of others) report([...at, other], `cannot stand beside ${first}: a route attaches one token`)
  if (first !== undefined && first !== 'audience' && token.scopes !== undefined)
    report([...at, 'scopes'], `belongs to audience: write it under ${first}`)
}

/** RFC 8707 §2: `resource` is an absolute URI, and a provider refuses a whole sign-in for one that is not. */
function checkAudience({ audience, client }: TokenMap, at: ConfigPath, { providers }: Draft, report: Report): void {
  const ofClient = client === undefined ? undefined : providers.get(client.provider)
  const strict = [...providers].find(([, { audienceParameter }]) => audienceParameter === 'resource')?.[0]
  const tell = (place: ConfigPath, id: string) =>
    report(
      place,
      `must be an absolute URI, because a provider is told by the parameter resource: write one, or set identityProviders.${id}.audienceParameter to audience or none`,
    )
  if (audience !== undefined && !URL.canParse(audience) && strict !== undefined) tell([...at, 'audience'], strict)
  if (client !== undefined && !URL.canParse(client.audience) && ofClient?.audienceParameter === 'resource')
    tell([...at, 'client', 'audience'], client.provider)
}
