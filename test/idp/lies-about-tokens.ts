import { createPublicKey, type JsonWebKey } from 'node:crypto'
import type { Lies } from '../support/lying-provider.ts'
import { encrypted, flipped, nested, opened, says, signedByStranger, signedWithSecret, unsigned } from './forgeries.ts'
import type { Lie, Scene } from './lies-about-answers.ts'

type Json = Record<string, unknown>

const claims = (changes: Json | ((seconds: number) => Json)) => (): Lies => ({
  claims: truth => ({ ...truth, ...(typeof changes === 'function' ? changes(Math.floor(Date.now() / 1000)) : changes) }),
})
const idToken =
  (forge: (token: string, scene: Scene) => string) =>
  (scene: Scene): Lies => ({ idToken: token => forge(token, scene) })
const header = (changes: Json) => (): Lies => ({ header: truth => ({ ...truth, ...changes }) })
const payload = (change: (json: string) => string) => (): Lies => ({ payload: change })
/** The key set's one key, changed. */
const key = (changes: Json) => (): Lies => ({ jwks: ({ keys }) => ({ keys: [{ ...(keys as Json[])[0], ...changes }] }) })
const allAlgorithms: NonNullable<Lies['metadata']> = truth => ({
  ...truth,
  id_token_signing_alg_values_supported: ['none', 'HS256', 'ES256'],
})

/** UserInfo as a JWT of the provider's, with these claims. */
const signedUserInfo =
  (changes: Json, jwtHeader: Json = {}, forge = (jwt: string) => jwt) =>
  ({ liar }: Scene): Lies => ({
    take: {
      userinfo: (_request, response) => {
        const truth = { iss: liar.issuer, aud: liar.clientId, sub: 'a1' }
        liar.sign(JSON.stringify({ ...truth, ...changes }), jwtHeader).then(jwt => says(forge(jwt), 'application/jwt')(_request, response))
      },
    },
  })

/** The public key in the form in which careless verifiers take it for a shared secret. */
const withPublicKeyAsSecret = ({ liar }: Scene): Lies => ({
  metadata: allAlgorithms,
  idToken(token) {
    const publicKey = createPublicKey({ key: liar.publicJwk() as JsonWebKey, format: 'jwk' })
    return signedWithSecret(token, String(publicKey.export({ type: 'spki', format: 'pem' })))
  },
})

const invalid = 'bad_request id_token_invalid'
const badUserInfo = 'idp_unavailable userinfo_invalid'
const long = 'x'.repeat(256)

// biome-ignore format: one line a lie
export const liesAboutTokens: readonly Lie[] = [
  ['IDT-02, A-020', 'the ID token is not signed', idToken(token => unsigned(token, { alg: 'none' })), invalid, 'token'],
  ['IDT-02, A-020', 'the ID token is not signed, as announced', scene => ({ metadata: allAlgorithms, claims: ({ at_hash: _hash, ...rest }) => rest, ...idToken(token => unsigned(token, { alg: 'none' }))(scene) }), invalid, 'jwks'],
  ['IDT-02, A-020', 'the ID token is signed with the client’s secret', scene => ({ metadata: allAlgorithms, ...idToken((token, { liar }) => signedWithSecret(token, liar.clientSecret))(scene) }), invalid, 'jwks'],
  ['IDT-02, A-020', 'the ID token is signed with the public key as a secret', withPublicKeyAsSecret, invalid, 'jwks'],
  ['IDT-02, A-020', 'one bit of the signature is another', idToken(flipped), invalid, 'jwks'],
  ['IDT-02, A-020', 'the signature is cut off', idToken(token => token.slice(0, -20)), invalid, 'jwks'],
  ['IDT-02, A-020', 'the signature is missing', idToken(token => unsigned(token, {})), invalid, 'jwks'],
  ['IDT-02', 'somebody else has signed', idToken(token => signedByStranger(token)), invalid, 'jwks'],
  ['IDT-02', 'the claims are other ones than were signed', idToken(token => token.split('.').with(1, Buffer.from(opened(token).payload.replace('}', ',"x":1}')).toString('base64url')).join('.')), invalid, 'jwks'],
  ['IDT-02', 'the algorithm is none that was announced', scene => ({ metadata: truth => ({ ...truth, id_token_signing_alg_values_supported: ['RS256'] }), ...idToken(token => token)(scene) }), invalid, 'token'],
  ['IDT-02', 'no algorithm was announced, and it is not RS256', () => ({ metadata: ({ id_token_signing_alg_values_supported: _algs, ...rest }) => rest }), invalid, 'token'],
  ['IDT-02', 'the algorithms are announced as a text', () => ({ metadata: truth => ({ ...truth, id_token_signing_alg_values_supported: 'ES256' }) }), invalid, 'token'],
  ['IDT-02', 'the header wants extensions understood', idToken(token => signedByStranger(token, () => ({ crit: ['exp'], exp: 1 }))), invalid, 'token'],
  ['IDT-18', 'the ID token is encrypted', idToken(encrypted), invalid, 'token'],
  ['META-04, A-020', 'the token brings its own key', idToken(token => signedByStranger(token, jwk => ({ jwk }))), invalid, 'jwks'],
  ['META-04, A-020', 'the token says where its keys are (jku)', idToken((token, { elsewhere }) => signedByStranger(token, () => ({ jku: `${elsewhere}/jwks` }))), invalid, 'jwks'],
  ['META-04, A-020', 'the token says where its certificate is (x5u)', idToken((token, { elsewhere }) => signedByStranger(token, () => ({ x5u: `${elsewhere}/cert`, x5c: ['AAAA'] }))), invalid, 'jwks'],
  ['META-05', 'the key is unknown', header({ kid: 'k2' }), invalid, 'jwks_again'],
  ['META-05, A-020', 'the key is a path', header({ kid: '../../dev/null' }), invalid, 'jwks_again'],
  ['META-05', 'the key’s name is a number', header({ kid: 7 }), invalid, 'jwks_again'],
  ['META-05', 'another key has the name', () => ({ jwks: ({ keys }) => ({ keys: [{ ...(keys as Json[])[0], x: 'MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4', y: '4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM' }] }) }), invalid, 'jwks'],
  ['META-06', 'the key is for encryption', key({ use: 'enc' }), invalid, 'jwks_again'],
  ['META-06', 'the key is for another algorithm', key({ alg: 'ES384' }), invalid, 'jwks_again'],
  ['META-06', 'the key is for signing alone', key({ key_ops: ['sign'] }), invalid, 'jwks_again'],
  ['META-06', 'the key is no point on its curve', key({ x: 'AAAA', y: 'AAAA' }), invalid, 'jwks_again'],
  ['META-06', 'the key is a shared secret', () => ({ jwks: () => ({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'k1' }] }) }), invalid, 'jwks_again'],

  ['IDT-13', 'the ID token is an access token', header({ typ: 'at+jwt' }), invalid, 'token'],
  ['IDT-13', 'the ID token is a logout token', header({ typ: 'logout+jwt' }), invalid, 'token'],
  ['IDT-13', 'the ID token is a client assertion', header({ typ: 'application/client-authentication+jwt' }), invalid, 'token'],
  ['IDT-13', 'the ID token is of a type that is a list', header({ typ: ['JWT', 'at+jwt'] }), invalid, 'token'],
  ['IDT-13', 'the ID token tells of events', claims({ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }), invalid, 'token'],
  ['IDT-03', 'the ID token is another issuer’s', claims({ iss: 'https://other.example' }), invalid, 'token'],
  ['IDT-03', 'the ID token’s issuer has a slash more', scene => claims({ iss: `${scene.liar.issuer}/` })(), invalid, 'token'],
  ['IDT-03', 'the ID token is for somebody else', claims({ aud: 'other' }), invalid, 'token'],
  ['IDT-03', 'the ID token is for nobody', claims({ aud: [] }), invalid, 'token'],
  ['IDT-04', 'the ID token is for others too', claims({ aud: ['sallyport', 'other'], azp: 'sallyport' }), invalid, 'token'],
  ['IDT-05', 'the ID token is presented by somebody else', claims({ azp: 'other' }), invalid, 'token'],
  ['IDT-06', 'the ID token has run out', claims(seconds => ({ exp: seconds - 61 })), invalid, 'token'],
  ['IDT-06', 'the ID token is for later', claims(seconds => ({ nbf: seconds + 61 })), invalid, 'token'],
  ['IDT-06, IDT-16', 'the ID token never runs out', payload(json => json.replace(/"exp":\d+/, '"exp":1e400')), invalid, 'token'],
  ['IDT-07', 'the ID token is a day old', claims(seconds => ({ iat: seconds - 86_400 })), invalid, 'token'],
  ['IDT-07', 'the ID token is of tomorrow', claims(seconds => ({ iat: seconds + 86_400 })), invalid, 'token'],
  ['IDT-08, NIST-02', 'the nonce is another', claims({ nonce: 'other' }), 'bad_request nonce_mismatch', 'token'],
  ['IDT-08, NIST-02', 'the nonce is missing', claims({ nonce: undefined }), invalid, 'token'],
  ['IDT-09', 'the subject is empty', claims({ sub: '' }), invalid, 'token'],
  ['IDT-09', 'the subject is a number', claims({ sub: 1 }), invalid, 'token'],
  ['IDT-09', 'the subject is too long', claims({ sub: long }), invalid, 'token'],
  ['IDT-10', 'the access token is another', claims({ at_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), invalid, 'token'],
  ['IDT-10', 'the code is another', claims({ c_hash: 'AAAAAAAAAAAAAAAAAAAAAA' }), invalid, 'token'],
  ['IDT-16', 'the subject stands there twice', payload(json => json.replace('{', '{"sub":"b2",')), invalid, 'token'],
  ['IDT-16', 'the subject stands there twice, once in disguise', payload(json => json.replace('{', '{"s\\u0075b":"b2",')), invalid, 'token'],
  ['IDT-16, META-08', 'the claims are nested 40 deep', payload(json => json.replace('{', `{"deep":${nested(40)},`)), invalid, 'token'],
  ['IDT-16', 'the claims are a list', payload(json => `[${json}]`), invalid, 'token'],
  ['IDT-16', 'the subject comes by the prototype', payload(json => json.replace(/"sub":"a1"/, '"__proto__":{"sub":"a1"}')), invalid, 'token'],
  ['IDT-16', 'the level of assurance is a list', claims({ acr: ['urn:mfa'] }), invalid, 'token'],

  ['UI-02', 'signed UserInfo is another issuer’s', signedUserInfo({ iss: 'https://other.example' }), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo has no issuer', signedUserInfo({ iss: undefined }), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo is for somebody else', signedUserInfo({ aud: 'other' }), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo is for nobody', signedUserInfo({ aud: [] }), badUserInfo, 'userinfo'],
  ['UI-01, UI-02', 'signed UserInfo is about somebody else', signedUserInfo({ sub: 'b2' }), 'bad_request userinfo_changed', 'userinfo'],
  ['UI-02', 'one bit of UserInfo’s signature is another', signedUserInfo({}, {}, flipped), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo is not signed', signedUserInfo({}, {}, jwt => unsigned(jwt, { alg: 'none' })), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo is an access token', signedUserInfo({}, { typ: 'at+jwt' }), badUserInfo, 'userinfo'],
  ['UI-02', 'signed UserInfo is encrypted', signedUserInfo({}, {}, encrypted), badUserInfo, 'userinfo'],
]
