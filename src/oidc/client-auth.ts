import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { SignJWT } from 'jose'
import { type ClientAuth, ClientSecretBasic, ClientSecretPost, TlsClientAuth } from 'openid-client'
import type { ClientAuth as ClientAuthConfig, ProviderConfig } from '../config/config.ts'
import { idpUnavailable } from './errors.ts'

const lifeSeconds = 60
// A provider whose clock is a little behind ours must not find an assertion from the future (FAPI-07).
const backdatedSeconds = 5

// A JWT of Kubernetes has about 1 KiB.
const assertionLimitBytes = 16 * 1024
const assertionForm = /^[\w-]+\.[\w-]+\.[\w-]+$/

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

/**
 * Creates what proves to the provider that a request is ours: put into every request to the token and PAR
 * endpoints, anew for each HTTP try.
 *
 * @throws {GatewayError} when used: `idp_unavailable` (`client_assertion_unreadable`)
 */
export function createClientAuth(config: ProviderConfig, now: () => number): ClientAuth {
  const { clientAuth } = config
  switch (clientAuth.method) {
    case 'client_secret_basic':
      return ClientSecretBasic(clientAuth.secret)
    case 'client_secret_post':
      return ClientSecretPost(clientAuth.secret)
    case 'tls_client_auth':
      return TlsClientAuth()
    case 'private_key_jwt':
      return async (server, _client, body) => {
        const audience = clientAuth.audience === 'issuer' ? config.issuer : String(server.token_endpoint)
        present(config, body, await signAssertion(clientAuth, config.clientId, audience, now()))
      }
    case 'client_assertion':
      return async (_server, _client, body) => present(config, body, await readAssertion(config, clientAuth.assertionFile))
  }
}

function present(config: ProviderConfig, body: URLSearchParams, assertion: string): void {
  body.set('client_id', config.clientId)
  body.set('client_assertion_type', assertionType)
  body.set('client_assertion', assertion)
}

/**
 * An assertion of our own (RFC 7523 §3 as updated by RFC 10070). Its audience is one string: an assertion for
 * two would let the one use it at the other. A `jti` of its own makes each good for one request.
 */
async function signAssertion(
  { key, keyId, algorithm }: Extract<ClientAuthConfig, { method: 'private_key_jwt' }>,
  clientId: string,
  audience: string,
  now: number,
): Promise<string> {
  const issuedAt = Math.floor(now / 1000) - backdatedSeconds
  return await new SignJWT()
    .setProtectedHeader({ alg: algorithm, typ: 'client-authentication+jwt', ...(keyId === undefined ? {} : { kid: keyId }) })
    .setIssuer(clientId)
    .setSubject(clientId)
    .setAudience(audience)
    .setJti(randomBytes(16).toString('base64url'))
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + lifeSeconds)
    .sign(key)
}

/** The assertion that somebody else keeps in a file: as it stands there now, for it is replaced before it runs out. */
async function readAssertion(config: ProviderConfig, path: string): Promise<string> {
  const option = `identityProviders.${config.id}.clientAuth.assertion.file`
  try {
    // A pipe that nobody writes to must not hold the sign-in.
    const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(assertionLimitBytes + 1))
      const text = buffer.toString('latin1', 0, bytesRead).trim()
      if (bytesRead <= assertionLimitBytes && assertionForm.test(text)) return text
    } finally {
      await file.close()
    }
  } catch (error) {
    throw idpUnavailable(config, 'client_assertion_unreadable', `cannot be asked: the file of ${option} cannot be read`, error)
  }
  throw idpUnavailable(config, 'client_assertion_unreadable', `cannot be asked: the file of ${option} holds no JWT, or more than one`)
}
