import { clientCredentialsGrant, genericGrantRequest, type TokenEndpointResponse } from 'openid-client'
import type { ProviderConfig } from '../config/config.ts'
import { idpUnavailable, requestError, tokenRefusal } from './errors.ts'
import type { Metadata } from './metadata.ts'
import { audienceParam, type Provider } from './provider.ts'
import { readAccessToken } from './token-response.ts'

const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'

export interface ServiceTokenDeps {
  readonly config: ProviderConfig
  readonly metadata: () => Promise<Metadata>
  readonly now: () => number
}

/**
 * Creates the two requests that get a token for one API without touching the refresh token: one for the person, by
 * the session's own access token (RFC 8693), and one for the gateway itself (RFC 6749 §4.4).
 *
 * What the provider refuses here concerns this one token: `insufficient_scope`, never the session.
 *
 * @throws {GatewayError} as `Provider.exchange` and `Provider.clientToken` say
 */
export function createServiceTokens({ config, metadata, now }: ServiceTokenDeps): Pick<Provider, 'exchange' | 'clientToken'> {
  async function ask(what: string, scopes: readonly string[], send: (client: Metadata['client']) => Promise<TokenEndpointResponse>) {
    const { client } = await metadata()
    const sentAt = now()
    const answer = await send(client).catch((error: unknown) => {
      throw (
        tokenRefusal(config, what, error) ??
        requestError(config, what, error) ??
        idpUnavailable(config, 'token_response_invalid', `gave an answer to the ${what} that cannot be used`, error)
      )
    })
    return { answer, access: readAccessToken(config, answer, { scopes, sentAt, now: now() }) }
  }

  return {
    async exchange({ subjectToken, audience, resource, scopes }) {
      const params = {
        subject_token: subjectToken,
        subject_token_type: accessTokenType,
        requested_token_type: accessTokenType,
        ...(audience === null ? {} : { audience }),
        ...(resource === null ? {} : { resource }),
        ...scopeParam(scopes),
      }
      const { answer, access } = await ask('token exchange', scopes, client => genericGrantRequest(client, exchangeGrant, params))
      // A refresh token, or one of another kind, is not what goes to an upstream (RFC 8693 §2.2.1).
      if (answer.issued_token_type === accessTokenType) return access
      throw idpUnavailable(config, 'token_response_invalid', 'exchanged the token for something that is no access token')
    },

    async clientToken({ audience, scopes }) {
      const params = { ...audienceParam(config, audience), ...scopeParam(scopes) }
      const { access } = await ask('request for our own token', scopes, client => clientCredentialsGrant(client, params))
      return access
    },
  }
}

function scopeParam(scopes: readonly string[]): Record<string, string> {
  return scopes.length === 0 ? {} : { scope: scopes.join(' ') }
}
