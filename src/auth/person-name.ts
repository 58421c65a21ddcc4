import type { GatewayConfig } from '../config/config.ts'

/** A name of the person, as the configuration lets it be shown; null when none is known. */
export function personName({ session }: Pick<GatewayConfig, 'session'>, claims: Readonly<Record<string, unknown>>): string | null {
  const names = ['name', 'email'].filter(name => session.claims.includes(name)).map(name => claims[name])
  return names.filter(name => typeof name === 'string').find(name => name !== '') ?? null
}
