import { z } from 'zod'
import { scopes } from './schema-provider.ts'
import { audience, text } from './schema-values.ts'

const exchange = () =>
  z.strictObject({
    audience: audience()
      .optional()
      .describe('The API that the token is for, by the name that the provider knows. This or resource is needed.'),
    resource: audience().optional().describe('The address of the API, an absolute URI. This or audience is needed.'),
    scopes: scopes().default([]).describe('Scopes to ask for. Empty: whatever the provider gives.'),
  })

const client = () =>
  z.strictObject({
    provider: text().describe('Which of identityProviders gives it.'),
    audience: audience().describe('The API that the token is for, in the words of the provider.'),
    scopes: scopes().default([]).describe('Scopes to ask for. Empty: whatever the provider gives.'),
  })

/** What a route attaches. One map for all kinds, so that a mistake can be told where it stands: check-token.ts. */
export const token = () =>
  z.union(
    [
      z.enum(['none', 'access', 'id_token', 'passthrough']),
      z.strictObject({
        audience: audience()
          .optional()
          .describe(
            'Draws a token for this API from the grant of the sign-in by a refresh. In the words of the provider: an absolute URI, or a name where audienceParameter is not resource.',
          ),
        scopes: scopes()
          .optional()
          .describe('With audience: scopes of that token. Without it: whatever the provider gives for that audience.'),
        exchange: exchange().optional().describe("Gets a token for an API in exchange for the sign-in's own (RFC 8693)."),
        client: client()
          .optional()
          .describe(
            "Attaches the gateway's own token (client credentials): the upstream serves the gateway, not the person. Only with access: signed-in.",
          ),
      }),
    ],
    { error: 'must be none, access, id_token, passthrough, or a map with audience, exchange or client' },
  )

export type TokenOptions = z.output<ReturnType<typeof token>>
