import { type BadConfig, edits, plainSecret } from './bad-configs.ts'

const { bad, inProvider, session, origins, clientAuth } = edits

/** What stands in place of the base's clientAuth. */
const auth = (because: string, options: string, ...says: RegExp[]) => bad(because, clientAuth, `    clientAuth: { ${options} } #!\n`, ...says)
const jwt = (because: string, options: string, ...says: RegExp[]) => auth(because, `method: private_key_jwt, ${options}`, ...says)

/** With `clientAuth` of the base's provider and a second provider, which is where the mistake is. */
function shared(because: string, first: string, second: string, ...says: RegExp[]): BadConfig {
  const one = `    clientAuth: { ${first} }\n`
  const other = `  other:\n    issuer: https://id.other.test\n    clientId: sallyport\n    allow: everyone\n    clientAuth: { ${second} } #!\n`
  return { because, change: [[clientAuth, one], ['session:\n', `${other}session:\n`]], says }
}

const tls = (because: string, lines: string, ...says: RegExp[]) =>
  bad(because, clientAuth, `    clientAuth: { method: tls_client_auth }\n${lines}`, ...says)

export const badClientAuth: readonly BadConfig[] = [
  jwt('private_key_jwt without a key', 'keyId: k1', /clientAuth: needs key: \{ file: path \} with method: private_key_jwt/),
  jwt('a private key that stands in the file', `key: ${plainSecret}`, /clientAuth\.key: is a secret/),
  jwt('CAUTH-05 RS256', 'key: { env: RSA_KEY }, algorithm: RS256', /algorithm: must be one of PS256, ES256, EdDSA/),
  jwt('CAUTH-05 no algorithm at all', 'key: { env: RSA_KEY }, algorithm: none', /algorithm: must be one of PS256, ES256, EdDSA/),
  jwt('CAUTH-05 an RSA key of 1024 bits', 'key: { env: SHORT_RSA_KEY }', /clientAuth\.key: is an RSA key of 1024 bits, which is too short: use 2048/),
  jwt('CAUTH-05 a key on another curve', 'key: { env: P384_KEY }', /clientAuth\.key: is of a kind that is not used here: use an RSA key/),
  jwt('CAUTH-05 a key that signs nothing', 'key: { env: X25519_KEY }', /clientAuth\.key: is of a kind that is not used here/),
  jwt('CAUTH-05 an algorithm that the key cannot do', 'key: { env: P256_KEY }, algorithm: PS256', /algorithm: does not fit the key, which signs with ES256/),
  jwt('CAUTH-05 a JWK registered for RS256', 'key: { env: RS256_JWK }', /clientAuth\.key: is a JWK for another algorithm \(alg\) than PS256/),
  jwt('a JWK that is for encryption', 'key: { env: ENCRYPTION_JWK }', /clientAuth\.key: is a JWK that is not for signing/),
  jwt('a JWK that is cut', 'key: { env: BROKEN_JWK }', /clientAuth\.key: must be a private key: PEM/),
  jwt('a public key', 'key: { env: PUBLIC_KEY }', /clientAuth\.key: must be a private key: PEM/),
  jwt('a public key as a JWK', 'key: { env: PUBLIC_JWK }', /clientAuth\.key: must be a private key: PEM/),
  jwt('a key behind a passphrase', 'key: { env: LOCKED_KEY }', /clientAuth\.key: must be a private key: PEM .* without a passphrase/),
  jwt('a certificate for a key', 'key: { env: CLIENT_CERT }', /clientAuth\.key: must be a private key/),
  jwt('a key id of two words', 'key: { env: RSA_KEY }, keyId: my key', /keyId: must be a key id of printable ASCII/),
  jwt('an audience of its own', 'key: { env: RSA_KEY }, audience: https://evil.test', /audience: must be one of issuer, token_endpoint/),
  {
    because: 'a secret beside a key',
    change: [[clientAuth, '    clientAuth:\n      method: private_key_jwt\n      key: { env: RSA_KEY }\n      secret: { env: CLIENT_SECRET } #!\n']],
    says: [/clientAuth\.secret: has no meaning with method: private_key_jwt: remove it/],
  },
  {
    because: 'a key beside a secret',
    change: [[clientAuth, '    clientAuth:\n      secret: { env: CLIENT_SECRET }\n      key: { env: RSA_KEY } #!\n']],
    says: [/clientAuth\.key: has no meaning with method: client_secret_basic: remove it/],
  },
  auth('an assertion from nowhere', 'method: client_assertion', /clientAuth: needs assertion: \{ file: path \}/),
  auth('an assertion in the file', `method: client_assertion, assertion: ${plainSecret}`, /assertion: must be a map of options/),
  auth('an assertion from a variable, which nobody renews', 'method: client_assertion, assertion: { env: CLIENT_SECRET }', /assertion\.file: is missing/, /assertion\.env: is not an option/),
  tls('no certificate to show', '', /clientAuth\.method: needs our certificate with tls_client_auth: add tls\.cert and tls\.key/),
  tls('a certificate without its key', '    tls: { cert: { env: CLIENT_CERT } } #!\n', /tls: needs key: \{ file: path \} beside cert/),
  tls('a key without its certificate', '    tls: { key: { env: CLIENT_KEY } } #!\n', /tls: needs cert: \{ file: path \} beside key/),
  tls('a key of another certificate', '    tls: { cert: { env: CLIENT_CERT }, key: { env: P256_KEY } } #!\n', /tls\.key: is not the private key of identityProviders\.main\.tls\.cert/),
  tls('a certificate key behind a passphrase', '    tls: { cert: { env: CLIENT_CERT }, key: { env: LOCKED_KEY } } #!\n', /tls\.key: is not a private key in PEM without a passphrase/),
  tls('a certificate that is none', '    tls: { cert: { env: CLIENT_KEY }, key: { env: CLIENT_KEY } } #!\n', /tls\.cert: must be PEM: -----BEGIN CERTIFICATE/),
  tls('a certificate that nobody asks for', '    connectTo: http://id:8080\n    tls: { cert: { env: CLIENT_CERT }, key: { env: CLIENT_KEY } }\n', /clientAuth\.method: needs an https address in connectTo/),
  inProvider('TLS with nothing to say', '    tls: {} #!\n', /tls: must have ca, or cert and key/),
  shared('CAUTH-08 one secret for two providers', 'secret: { env: CLIENT_SECRET }', 'secret: { env: CLIENT_SECRET }', /other\.clientAuth\.secret: is also what identityProviders\.main gets/),
  shared('CAUTH-08 CAUTH-02 one key for two providers', 'method: private_key_jwt, key: { env: P256_KEY }, audience: token_endpoint', 'method: private_key_jwt, key: { env: P256_KEY }', /other\.clientAuth\.key: is also what identityProviders\.main gets/),
  shared('CAUTH-08 one key in two writings', 'method: private_key_jwt, key: { env: P256_KEY }', 'method: private_key_jwt, key: { env: P256_JWK }', /other\.clientAuth\.key: is also what identityProviders\.main gets/),
  shared('CAUTH-08 one assertion for two providers', 'method: client_assertion, assertion: { file: ./token }', 'method: client_assertion, assertion: { file: token }', /other\.clientAuth\.assertion\.file: is also what identityProviders\.main gets/),
  inProvider('FLOW-12 another response mode', '    responseMode: fragment #!\n', /responseMode: must be one of query, form_post/),
  inProvider('FLOW-12 two response modes', '    responseMode: [query, form_post] #!\n', /responseMode: must be one of query, form_post/),
  inProvider('FLOW-12 a response mode by parameter', '    authorizationParams: { response_mode: form_post } #!\n', /response_mode: is set by the gateway alone/),
  inProvider('PAR that is wished for', '    par: yes #!\n', /par: must be one of auto, require, off/),
  {
    because: 'CKE-04 a form from another site without Secure cookies',
    change: [
      [origins, '  - http://localhost:8080\n'],
      [session, `${session}  cookie: { insecure: true }\n`],
      [clientAuth, `${clientAuth}    responseMode: form_post #!\n`],
    ],
    says: [/responseMode: cannot be form_post with session\.cookie\.insecure/],
  },
]
