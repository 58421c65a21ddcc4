import { z } from 'zod'
import { certificates, distinct, duration, httpsUrl, judgedText, oneOrMore, origin, secret, text, word } from './schema-values.ts'

// RFC 6749 §3.3: what a scope may be made of.
const scope = () => word(/^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/, 'one scope, without spaces or quotes')

export const scopes = () => distinct(scope())

/** A claim's name, or a member's on the way to it. Not one that means something to JavaScript itself (WEB-09). */
export const claimName = () =>
  judgedText(name =>
    ['__proto__', 'constructor', 'prototype'].includes(name) ? 'is a name that cannot be a claim: choose another' : null,
  ).max(200)

/** For each claim the values of which one is enough. */
export const claimDemands = () => z.record(claimName(), oneOrMore(text()))

// The parameters that carry the protocol, or a secret: set by the gateway alone (FLOW-01, FLOW-04).
const ownParameters = [
  ...['response_type', 'response_mode', 'client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'redirect_uri', 'scope'],
  ...['state', 'nonce', 'code_verifier', 'code_challenge', 'code_challenge_method', 'request', 'request_uri', 'claims', 'resource'],
  ...['grant_type', 'code', 'username', 'password', 'id_token_hint', 'registration', 'dpop_jkt'],
]
// What /auth/login takes from its query by itself (contract.md section 2).
const passedAnyway = ['prompt', 'acr_values', 'max_age', 'login_hint', 'ui_locales']
const loginQuery = ['return_to', 'target_link_uri', 'provider', 'iss']
const logoutParameters = ['id_token_hint', 'logout_hint', 'client_id', 'post_logout_redirect_uri', 'state']

const authorizationParameter = () => parameterName(ownParameters, 'is set by the gateway alone: remove it')
const logoutParameter = () => parameterName(logoutParameters, 'is set by the gateway alone: remove it')
const loginParameter = () =>
  judgedText(name => {
    if (passedAnyway.includes(name)) return 'is passed through anyway: remove it'
    if (loginQuery.includes(name)) return 'means something to /auth/login itself: remove it'
    return parameterProblem(name, ownParameters, 'is set by the gateway alone: remove it')
  })

function parameterName(taken: readonly string[], problem: string) {
  return judgedText(name => parameterProblem(name, taken, problem))
}

function parameterProblem(name: string, taken: readonly string[], problem: string): string | null {
  if (taken.includes(name.toLowerCase())) return problem
  return /^[A-Za-z0-9._-]{1,64}$/.test(name) ? null : 'must be a parameter name of letters, digits and . _ -'
}

// Whole labels, lower case or not: `.example.com` and `*.example.com` once let `badexample.com` in elsewhere
// (GHSA-4mf2-f3wh-gvf2), and one label alone is everybody under a top-level domain.
const emailDomain = () =>
  judgedText(value =>
    /^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*$/i.test(value)
      ? null
      : 'must be a domain such as example.com, without @, * or a dot in front, non-ASCII names in their xn-- form',
  )
const email = () =>
  judgedText(value => (/^[\x21-\x3f\x41-\x7e]+@[a-z0-9-]+(\.[a-z0-9-]+)*$/i.test(value) ? null : 'must be one e-mail address in ASCII'))

const allow = () =>
  z.union(
    [
      z.literal('everyone'),
      z
        .strictObject({
          emailDomains: distinct(emailDomain())
            .min(1)
            .optional()
            .describe('Domains of verified e-mail addresses, without their subdomains; any of them is enough.'),
          emails: distinct(email()).min(1).optional().describe('Verified e-mail addresses; any of them is enough.'),
          claims: claimDemands().optional().describe('Claim name to the values of which one is enough; every claim named must fit.'),
        })
        .refine(rules => Object.keys(rules).length > 0, {
          error: 'must have at least one rule: emailDomains, emails or claims; or write everyone',
        }),
    ],
    { error: 'must be everyone, or a map of rules: emailDomains, emails, claims' },
  )

const claimSource = () =>
  z.strictObject({
    from: distinct(z.enum(['id_token', 'userinfo']))
      .min(1)
      .prefault(['id_token', 'userinfo'])
      .describe('Where to look, in this order.'),
    path: z.array(claimName()).min(1).optional().describe("Member names from the outermost in. Without it: the claim's own name."),
  })

const clientAuth = () =>
  z.strictObject({
    method: z
      .enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'tls_client_auth', 'client_assertion'])
      .default('client_secret_basic')
      .describe('How the gateway proves who it is to the provider. tls_client_auth takes its certificate from tls.cert and tls.key.'),
    secret: secret()
      .optional()
      .describe('The client secret; only as { env } or { file }. Required with client_secret_basic and client_secret_post.'),
    key: secret()
      .optional()
      .describe(
        'Private key that signs our assertions: PEM (PKCS #8, no passphrase) or one JWK; RSA of 2048 bits or more, P-256 or Ed25519; only as { env } or { file }. Required with private_key_jwt.',
      ),
    keyId: word(/^[\x21-\x7e]{1,256}$/, 'a key id of printable ASCII, without spaces')
      .optional()
      .describe("The kid under which the provider knows the key. Without it: the JWK's own kid, or none."),
    algorithm: z
      .enum(['PS256', 'ES256', 'EdDSA'])
      .optional()
      .describe('What the key signs with. Without it: PS256 for RSA, ES256 for P-256, EdDSA for Ed25519.'),
    audience: z
      .enum(['issuer', 'token_endpoint'])
      .optional()
      .describe(
        'What our assertions name as their audience: issuer (RFC 10070), or token_endpoint for a provider that still wants that. Without it: issuer.',
      ),
    assertion: z
      .strictObject({
        file: text().describe('Path of the file that holds the assertion, relative to this file. Read anew at every use.'),
      })
      .optional()
      .describe('An assertion that somebody else writes, such as Kubernetes a service account token. Required with client_assertion.'),
  })

const tls = () =>
  z
    .strictObject({
      ca: certificates()
        .optional()
        .describe("PEM of the certificate authorities believed for this provider, in place of the system's. Without it: the system's."),
      cert: certificates()
        .optional()
        .describe('PEM of our certificate, and those that vouch for it, for a provider that asks for one. Required with tls_client_auth.'),
      key: secret().optional().describe('PEM of its private key, no passphrase; only as { env } or { file }. Required with tls.cert.'),
    })
    .refine(options => Object.keys(options).length > 0, { error: 'must have ca, or cert and key' })

/** One identity provider. */
export const provider = () =>
  z.strictObject({
    issuer: httpsUrl().describe('The issuer, compared as an exact string with what the provider says of itself; https unless on loopback.'),
    connectTo: origin()
      .optional()
      .describe("Origin to send requests to instead of the issuer's own, such as a name inside the cluster; the issuer is still compared."),
    label: text().max(100).optional().describe("Name on the chooser page. Without it: the provider's id."),
    clientId: text().describe('The client id registered at the provider.'),
    clientAuth: clientAuth().describe('Client authentication; there are no public clients.'),
    tls: tls()
      .optional()
      .describe("TLS towards the provider. Without it: the system's certificate authorities, and no certificate of ours."),
    scopes: scopes()
      .prefault(['openid', 'profile', 'email'])
      .describe('Scopes to ask for; openid must be among them, offline_access where the provider needs it for refresh tokens.'),
    authorizationParams: z
      .record(authorizationParameter(), text())
      .default({})
      .describe('Further parameters of every authorization request, such as audience.'),
    loginParams: distinct(loginParameter())
      .default([])
      .describe('Names that /auth/login passes through from its query, beside prompt, acr_values, max_age, login_hint and ui_locales.'),
    responseMode: z
      .enum(['query', 'form_post'])
      .default('query')
      .describe(
        "How the provider's answer comes back: in the callback's query, or as a form that the browser posts, which leaves no trace in addresses.",
      ),
    audienceParameter: z
      .enum(['resource', 'audience', 'none'])
      .default('resource')
      .describe(
        "How the provider is told for which API a route's token is to be, where routes name an audience: by resource (RFC 8707), by audience, or not at all.",
      ),
    par: z
      .enum(['auto', 'require', 'off'])
      .default('auto')
      .describe('Pushed authorization requests: auto, where the provider offers them; require, always; off, never.'),
    allow: allow().describe('Who may sign in: everyone, or rules that must all be met.'),
    claims: z
      .record(claimName(), claimSource())
      .default({})
      .describe('Claim name to where its value comes from; read anew at every renewal.'),
    logout: z
      .strictObject({
        hint: z
          .enum(['logout_hint', 'id_token_hint', 'none'])
          .default('logout_hint')
          .describe('What tells the provider whose session to end; id_token_hint shows the ID token to the browser.'),
        params: z.record(logoutParameter(), text()).default({}).describe('Further parameters of the end-session request.'),
      })
      .prefault({})
      .describe('Signing out at the provider.'),
    timeout: duration('100ms', '30s').prefault('5s').describe('How long one call to the provider may take (duration).'),
    clockTolerance: duration('0s', '60s').prefault('5s').describe("By how much the provider's clock and ours may differ (duration)."),
  })

export type ProviderOptions = z.output<ReturnType<typeof provider>>

/** Its key: in URLs, in the audit and in the pair (provider, sub). A letter in it keeps the chooser in the file's order. */
export const providerId = () =>
  word(/^(?=.*[a-z])[a-z0-9-]{1,32}$/, 'a provider id of 1 to 32 letters a-z, digits and -, with at least one letter')
