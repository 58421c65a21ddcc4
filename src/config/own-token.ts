import type { TokenDemand } from './config.ts'

/** The sign-in's own access token: every session has it, for whatever audience the provider gives. */
export const ownToken: TokenDemand = { slot: '', audience: null, scopes: [] }
