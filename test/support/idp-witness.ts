import type Provider from 'oidc-provider'

/** A token request as it reached the provider, and the status it was answered with. */
export interface TokenRequest {
  readonly params: Readonly<Record<string, string>>
  readonly authorization: string
  readonly status: number
}

/** Likewise a revocation. */
export interface Revocation {
  readonly token: string
  readonly hint: string | undefined
  readonly authorization: string
  readonly status: number
}

/** What came to pass at a provider, in order. */
export interface Witness {
  readonly tokenRequests: readonly TokenRequest[]
  readonly revocations: readonly Revocation[]
  /** Logout tokens that it sent, and whether they were taken. */
  readonly logoutsSent: readonly { readonly sub: string; readonly sid: string; readonly isTaken: boolean }[]
  /** Every token and code ever handed out, to look for leaks. */
  readonly issued: ReadonlySet<string>
  /** How often a refresh token came back that had been used, so that the grant was ended. */
  reuses(): number
}

export function createWitness(provider: Provider): Witness & { readonly issued: Set<string> } {
  const tokenRequests: TokenRequest[] = []
  const revocations: Revocation[] = []
  const logoutsSent: { sub: string; sid: string; isTaken: boolean }[] = []
  const issued = new Set<string>()
  let reuses = 0

  provider.on('grant.revoked', ctx => {
    if (ctx.oidc.route === 'token' && ctx.oidc.body?.grant_type === 'refresh_token') reuses += 1
  })
  provider.on('backchannel.success', (_ctx, _client, sub, sid) => void logoutsSent.push({ sub, sid, isTaken: true }))
  provider.on('backchannel.error', (_ctx, _error, _client, sub, sid) => void logoutsSent.push({ sub, sid, isTaken: false }))
  provider.use(async (ctx, next) => {
    await next()
    const code = URL.parse(String(ctx.response.get('location')))?.searchParams.get('code')
    if (code) issued.add(code)
    const params = { ...ctx.oidc?.body } as Record<string, string>
    const seen = { authorization: ctx.get('authorization'), status: ctx.status }
    if (ctx.oidc?.route === 'revocation') revocations.push({ token: params.token ?? '', hint: params.token_type_hint, ...seen })
    if (ctx.oidc?.route !== 'token') return
    tokenRequests.push({ params, ...seen })
    const answer = (ctx.body ?? {}) as Record<string, unknown>
    for (const name of ['access_token', 'refresh_token', 'id_token']) if (typeof answer[name] === 'string') issued.add(answer[name])
  })
  return { tokenRequests, revocations, logoutsSent, issued, reuses: () => reuses }
}
