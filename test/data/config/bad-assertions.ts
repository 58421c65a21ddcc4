import { type BadConfig, edits, plainSecret } from './bad-configs.ts'

const { atEnd, bad, end, route, anyone, clientAuth } = edits

const key = (because: string, entries: string, ...says: RegExp[]) => atEnd(because, `assertionKeys: [${entries}] #!\n`, ...says)
const wrongKind = /assertionKeys\[0\]: must be a private key on P-256, for ES256: PEM .* --kind assertion$/
const keys = 'assertionKeys: [{ id: a1, env: P256_KEY }]\n'

/** A mistake in the first route, where there is a key. */
const inRoute = (because: string, lines: string, ...says: RegExp[]): BadConfig => ({
  because,
  change: [
    [route, route + lines],
    [end, end + keys],
  ],
  says,
})

export const badAssertions: readonly BadConfig[] = [
  key('assertion keys without any', '', /assertionKeys: must list at least 1/),
  key('an assertion key in the file', `{ id: a1, key: ${plainSecret} }`, /assertionKeys\[0\]\.key: is not an option/),
  key('an assertion key without an id', '{ env: P256_KEY }', /assertionKeys\[0\]\.id: is missing: add it\. The kid/),
  key('an assertion key whose id is a sentence', '{ id: the first, env: P256_KEY }', /assertionKeys\[0\]\.id: must be 1 to 32 letters/),
  key('an assertion key from nowhere', '{ id: a1 }', /assertionKeys\[0\]: must have exactly one of env and file/),
  key('an assertion key from two places', '{ id: a1, env: P256_KEY, file: a1.pem }', /assertionKeys\[0\]: must have exactly one of env and file/),
  key('an assertion key that is not there', '{ id: a1, file: no-such-key.pem }', /assertionKeys\[0\]: .*no-such-key\.pem/),
  key('an assertion key of random bytes', '{ id: a1, env: COOKIE_KEY }', wrongKind),
  key('an RSA key for assertions', '{ id: a1, env: RSA_KEY }', wrongKind),
  key('an Ed25519 key for assertions', '{ id: a1, env: ED25519_KEY }', wrongKind),
  key('a key on another curve for assertions', '{ id: a1, env: P384_KEY }', wrongKind),
  key('a public key for assertions', '{ id: a1, env: PUBLIC_KEY }', wrongKind),
  key('an assertion key behind a passphrase', '{ id: a1, env: LOCKED_KEY }', wrongKind),
  key('META-12 two assertion keys of one id', '{ id: a1, env: P256_KEY }, { id: a1, env: CLIENT_KEY }', /assertionKeys\[1\]\.id: is also the id of assertionKeys\[0\]/),
  key('NHI-09 one assertion key under two ids', '{ id: a1, env: P256_KEY }, { id: a2, env: P256_JWK }', /assertionKeys\[1\]: is the same key as assertionKeys\[0\]/),
  {
    because: 'NHI-09 a client key for assertions',
    change: [
      [clientAuth, '    clientAuth: { method: private_key_jwt, key: { env: P256_KEY } }\n'],
      [end, `${end}assertionKeys: [{ id: a1, env: P256_JWK }] #!\n`],
    ],
    says: [/assertionKeys\[0\]: is the same key as identityProviders\.main\.clientAuth\.key/],
  },
  bad('an assertion that nobody signs', route, `${route}    assertion: { audience: https://orders.example } #!\n`, /routes\[0\]\.assertion: needs a key that signs it: add assertionKeys/),
  inRoute('an assertion for nobody', '    assertion: {} #!\n', /routes\[0\]\.assertion\.audience: is missing: add it\. The aud/),
  inRoute('an assertion for two', '    assertion: { audience: [https://a.example, https://b.example] } #!\n', /assertion\.audience: must be a text/),
  inRoute('HDR-02 an assertion by hand', '    setHeaders: { x-AUTH-assertion: a.b.c } #!\n', /x-AUTH-assertion: is a header that the gateway itself manages/),
  inRoute('HDR-02 a claim for an assertion', '    identityHeaders: { X-Auth-Assertion: sub } #!\n', /X-Auth-Assertion: is a header that the gateway itself manages/),
  inRoute('HDR-02 an assertion by hand in another spelling', '    setHeaders: { X_Auth.Assertion: a.b.c } #!\n', /X_Auth\.Assertion: must be written with - in place of _ and \./),
  {
    because: 'an assertion of nobody',
    change: [[anyone, `${anyone}    assertion: { audience: https://orders.example } #!\n${keys}`]],
    says: [/routes\[1\]\.assertion: is never set with access: anyone, which does not read the session/],
  },
  {
    because: 'an assertion to files',
    change: [
      ['    upstream: http://orders:8080\n    token: access\n', '    upstream: { static: . }\n    assertion: { audience: https://orders.example } #!\n'],
      [end, end + keys],
    ],
    says: [/routes\[0\]\.assertion: has no meaning with files/],
  },
  bad('META-12 a route where our keys are', '  - path: /api/orders\n', '  - path: /.well-known/sallyport-jwks.json #!\n', /routes\[0\]\.path: is where the gateway publishes its own keys: choose another path/),
  atEnd('a landing where our keys are', 'logout: { landing: /.well-known/sallyport-jwks.json?x=1 } #!\n', /landing: is one of the gateway's own endpoints/),
]
