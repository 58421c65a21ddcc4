import type { TokenDemand } from './config.ts'

/** The sign-in's own access token: every session has it, for whatever audience the provider gives. */
export const ownToken: TokenDemand = { kind: 'access', slot: '', audience: null, resource: null, scopes: [] }
