import type { ProviderConfig } from '../config/config.ts'
import { GatewayError } from '../errors.ts'

/** What the query of /auth/login may say to the provider: nothing beside these and the provider's own `loginParams` (FLOW-04). */
const patterns: Readonly<Record<string, RegExp>> = {
  prompt: /^(none|(login|consent|select_account)( (login|consent|select_account)){0,2})$/,
  // Up to a year, in seconds.
  max_age: /^(0|[1-9]\d{0,7})$/,
  acr_values: /^[\x21-\x7e]+( [\x21-\x7e]+)*$/,
  login_hint: /^\P{Cc}+$/u,
  ui_locales: /^[A-Za-z0-9-]+( [A-Za-z0-9-]+)*$/,
}
const anyText = /^\P{Cc}+$/u
const longestValue = 512

export interface LoginParams {
  /** As they go to the provider; empty ones are left out. */
  readonly params: Readonly<Record<string, string>>
  /** Seconds. */
  readonly maxAge?: number
  readonly acrValues?: string
  /** `prompt=none`: a provider that would have to ask the person says so instead. */
  readonly isSilent: boolean
}

/** @throws {GatewayError} `bad_request` (`login_parameter`) */
export function readLoginParams(query: URLSearchParams, provider: ProviderConfig): LoginParams {
  const params: Record<string, string> = {}
  for (const name of [...Object.keys(patterns), ...provider.loginParams]) {
    const value = query.get(name)
    if (value === null || value === '') continue
    if (value.length > longestValue || !(patterns[name] ?? anyText).test(value)) {
      throw new GatewayError('bad_request', `the parameter ${name} has a value that it cannot have`, { reason: 'login_parameter' })
    }
    params[name] = value
  }
  keepToOperator(params, provider.authorizationParams)
  return {
    params,
    isSilent: params.prompt === 'none',
    ...(params.max_age === undefined ? {} : { maxAge: Number(params.max_age) }),
    ...(params.acr_values === undefined ? {} : { acrValues: params.acr_values }),
  }
}

/** The query may ask for a fresher sign-in than the operator does, never for an older one or for another prompt. */
function keepToOperator(params: Record<string, string>, fixed: ProviderConfig['authorizationParams']): void {
  if (fixed.prompt !== undefined) delete params.prompt
  if (fixed.max_age !== undefined && Number(params.max_age) > Number(fixed.max_age)) delete params.max_age
}

/**
 * The same, with a person who authenticated no longer ago than so many seconds; where the operator or the query asks
 * for a fresher one, that stays.
 */
export function keepFresh(asked: LoginParams, seconds: number | undefined, fixed: ProviderConfig['authorizationParams']): LoginParams {
  const others = [asked.maxAge, fixed.max_age === undefined ? undefined : Number(fixed.max_age)]
  if (seconds === undefined || others.some(other => other !== undefined && other <= seconds)) return asked
  return { ...asked, params: { ...asked.params, max_age: String(seconds) }, maxAge: seconds }
}

/** Whether the person is to be asked again although there is a session. */
export function asksAgain(query: URLSearchParams): boolean {
  return ['prompt', 'max_age', 'acr_values'].some(name => (query.get(name) ?? '') !== '')
}

/** Whether a session that lives is to be raised, not replaced (contract.md section 2). */
export function asksStepUp(query: URLSearchParams): boolean {
  return ['max_age', 'acr_values'].some(name => (query.get(name) ?? '') !== '')
}

/**
 * The providers that the query leaves open: by `provider`, our name for it, by `iss`, its own (OpenID Connect Core
 * §4), or all of them.
 *
 * @throws {GatewayError} `bad_request` (`unknown_provider`) when there is none
 */
export function chooseProviders(query: URLSearchParams, providers: readonly ProviderConfig[]): readonly ProviderConfig[] {
  const id = query.get('provider') ?? ''
  const issuer = query.get('iss') ?? ''
  const chosen = providers.filter(provider => (id === '' || provider.id === id) && (issuer === '' || provider.issuer === issuer))
  if (chosen.length === 0) throw new GatewayError('bad_request', 'no such identity provider', { reason: 'unknown_provider' })
  return chosen
}
