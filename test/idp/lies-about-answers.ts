import type { Lies, LyingProvider, Place } from '../support/lying-provider.ts'
import { bomb, broken, drip, flood, nested, redirects, says, silence } from './forgeries.ts'

/** What a lie is made of. */
export interface Scene {
  readonly liar: LyingProvider
  /** An origin that nobody must ever talk to. */
  readonly elsewhere: string
}

/** Where the client knows at the latest; it has asked for nothing beyond. */
type SeenAt = 'discovery' | 'par' | 'token' | 'jwks' | 'jwks_again' | 'userinfo' | 'userinfo_unasked'

/** Rows of the checklist, what the provider does, how it does it, the error's code and reason, where it is seen. */
export type Lie = readonly [rows: string, name: string, lie: (scene: Scene) => Lies, outcome: string, seenAt: SeenAt]

type Json = Record<string, unknown>
type Taker = NonNullable<NonNullable<Lies['take']>[Place]>

const metadata =
  (change: (truth: Json, scene: Scene) => Json) =>
  (scene: Scene): Lies => ({ metadata: truth => change(truth, scene) })
const member = (name: string, value: unknown) => metadata(truth => ({ ...truth, [name]: value }))
const take = (place: Place, taker: Taker) => (): Lies => ({ take: { [place]: taker } })
const redirect =
  (place: Place, status: number) =>
  (scene: Scene): Lies => ({ take: { [place]: redirects(status, `${scene.elsewhere}/x`) } })

const duplicated = '{"issuer":"http://a","issuer":"http://b"}'
const notJson = 'idp_unavailable not_json'
const badMetadata = 'idp_unavailable metadata_invalid'
const badKeys = 'idp_unavailable keys_invalid'
const badToken = 'idp_unavailable token_response_invalid'
const badPush = 'idp_unavailable par_response_invalid'
const badUserInfo = 'idp_unavailable userinfo_invalid'

/** The same misbehaviour at each place. */
function everywhere(rows: string, name: string, taker: Taker, outcome: string): Lie[] {
  const places = ['discovery', 'par', 'token', 'jwks', 'userinfo'] as const
  return places.map(place => [rows, `the ${place} answer ${name}`, take(place, taker), outcome, place] as const)
}

// biome-ignore format: one line a lie
export const liesAboutAnswers: readonly Lie[] = [
  ...everywhere('META-08', 'never comes', silence, 'idp_unavailable timeout'),
  ...everywhere('META-08', 'comes a byte at a time', drip, 'idp_unavailable timeout'),
  ...everywhere('META-08', 'is 2 MiB long', flood, 'idp_unavailable answer_too_large'),
  ...everywhere('META-08, A-122', 'is a gzip bomb', bomb, notJson),
  ...everywhere('META-08', 'breaks off', broken, 'idp_unavailable unreachable'),
  ...everywhere('FLOW-19', 'is a page with status 200', says('<!doctype html><title>Maintenance</title>', 'text/html'), notJson),
  ...everywhere('FLOW-19', 'is JSON that breaks off', says('{"issuer":"http'), notJson),
  ...everywhere('FLOW-19', 'is empty', says(''), notJson),
  ...everywhere('META-08', 'is nested 10000 deep', says(nested(10_000)), notJson),
  ...everywhere('META-08', 'is nested 40 deep', says(nested(40)), notJson),
  ...everywhere('IDT-16', 'has a member twice', says(duplicated), notJson),
  ...everywhere('IDT-16', 'has a member twice, once in disguise', says('{"sub":"a","s\\u0075b":"b"}'), notJson),
  ...everywhere('FLOW-19', 'is not UTF-8', says(Buffer.from('{"a":"\xff"}', 'latin1')), notJson),
  ...everywhere('FLOW-19', 'has no type', says('{}', ''), notJson),

  ...[301, 302, 303, 307, 308].flatMap((status): Lie[] => [
    ['META-08', `discovery leads elsewhere with ${status}`, redirect('discovery', status), badMetadata, 'discovery'],
    ['FLOW-21, A-019', `the PAR endpoint leads elsewhere with ${status}`, redirect('par', status), badPush, 'par'],
    ['FLOW-21, A-019', `the token endpoint leads elsewhere with ${status}`, redirect('token', status), badToken, 'token'],
    ['META-08', `the keys are elsewhere with ${status}`, redirect('jwks', status), badKeys, 'jwks'],
    ['UI-02', `UserInfo leads elsewhere with ${status}`, redirect('userinfo', status), badUserInfo, 'userinfo'],
  ]),
  ['META-08', 'discovery leads to a cloud’s secrets', take('discovery', redirects(302, 'http://169.254.169.254/')), badMetadata, 'discovery'],

  ['META-01, A-016', 'the metadata is another issuer’s, tokens to be fetched there', metadata((truth, { elsewhere }) => ({ ...truth, issuer: elsewhere, token_endpoint: `${elsewhere}/token` })), 'idp_unavailable metadata_issuer_mismatch', 'discovery'],
  ['META-01', 'the metadata names no issuer', member('issuer', undefined), badMetadata, 'discovery'],
  ['META-01', 'the issuer is a list', member('issuer', ['a']), badMetadata, 'discovery'],
  ['META-08', 'the metadata is a list', take('discovery', says('[]')), badMetadata, 'discovery'],
  ['META-08', 'the metadata is null', take('discovery', says('null')), badMetadata, 'discovery'],
  ['META-08', 'the metadata comes with status 404', take('discovery', says('{}', 'application/json', 404)), badMetadata, 'discovery'],
  ['META-08', 'the metadata comes with status 799', take('discovery', says('{}', 'application/json', 799)), notJson, 'discovery'],
  ['META-03', 'people are to sign in at a script', member('authorization_endpoint', 'javascript:alert(1)'), badMetadata, 'discovery'],
  ['META-03', 'people are to sign in nowhere', member('authorization_endpoint', undefined), badMetadata, 'discovery'],
  ['META-03', 'people are to sign in at a number', member('authorization_endpoint', 7), badMetadata, 'discovery'],
  ['META-03', 'people are to sign in at an endless address', member('authorization_endpoint', `https://id.example/${'x'.repeat(100_000)}`), badMetadata, 'discovery'],
  ['META-03', 'the keys are nowhere', member('jwks_uri', undefined), badMetadata, 'discovery'],
  ['META-03', 'the keys are an object', member('jwks_uri', {}), badMetadata, 'discovery'],
  ['META-03', 'the token endpoint is nowhere', member('token_endpoint', undefined), badMetadata, 'discovery'],
  ['META-03', 'the token endpoint is a list', member('token_endpoint', ['https://id.example/token']), badMetadata, 'discovery'],
  ['META-03', 'the token endpoint is a file', member('token_endpoint', 'file:///etc/passwd'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the token endpoint is on another machine, without TLS', member('token_endpoint', 'http://other.example/token'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the token endpoint is where clouds keep secrets', member('token_endpoint', 'https://169.254.169.254/token'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the token endpoint is there in IPv6', member('token_endpoint', 'https://[fe80::1]/token'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the token endpoint is there in disguise', member('token_endpoint', 'https://[::ffff:169.254.169.254]/token'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the token endpoint is at no address', member('token_endpoint', 'https://0/token'), 'idp_unavailable insecure_endpoint', 'discovery'],
  ['META-03', 'the keys are where clouds keep secrets', member('jwks_uri', 'http://169.254.169.254/latest/meta-data'), 'idp_unavailable insecure_endpoint', 'token'],
  ['META-03', 'UserInfo is where clouds keep secrets', member('userinfo_endpoint', 'https://169.254.169.254/me'), 'idp_unavailable insecure_endpoint', 'userinfo_unasked'],
  ['PKCE-05', 'it does not do S256', member('code_challenge_methods_supported', ['plain']), 'idp_unavailable pkce_unsupported', 'discovery'],
  ['PAR-01', 'it wants pushed requests, and takes none', member('require_pushed_authorization_requests', true), 'idp_unavailable par_unavailable', 'discovery'],

  ['PAR-02', 'the push is refused', take('par', says('{"error":"invalid_request"}', 'application/json', 400)), 'idp_unavailable invalid_request', 'par'],
  ['PAR-02', 'the push fails', take('par', says('{"error":"server_error"}', 'application/json', 500)), badPush, 'par'],
  ['PAR-02', 'the push is refused for who we are', take('par', says('{"error":"invalid_client"}', 'application/json', 401, { 'www-authenticate': 'Basic realm="x"' })), 'idp_unavailable invalid_client', 'par'],
  ['PAR-02', 'the push is answered without a name', () => ({ push: ({ request_uri: _name, ...rest }) => rest }), badPush, 'par'],
  ['PAR-02', 'the push is answered with a name that is a list', () => ({ push: truth => ({ ...truth, request_uri: ['urn:x'] }) }), badPush, 'par'],
  ['PAR-02', 'the push is answered with an endless name', () => ({ push: truth => ({ ...truth, request_uri: `urn:${'x'.repeat(50_000)}` }) }), badPush, 'par'],
  ['PAR-02', 'the push is answered with 200', take('par', says('{"request_uri":"urn:x","expires_in":60}')), badPush, 'par'],

  ['FLOW-19', 'the token answer is a list', () => ({ answer: () => '[]' }), badToken, 'token'],
  ['FLOW-19', 'the token answer has no access token', () => ({ answer: ({ access_token: _token, ...rest }) => rest }), badToken, 'token'],
  ['FLOW-19', 'the access token is an object', () => ({ answer: truth => ({ ...truth, access_token: {} }) }), badToken, 'token'],
  ['FLOW-19, A-128', 'the access token would write a header of its own', () => ({ answer: truth => ({ ...truth, access_token: 'a\r\nX-Admin: 1' }) }), badToken, 'token'],
  ['FLOW-19', 'the token is of another type', () => ({ answer: truth => ({ ...truth, token_type: 'mac' }) }), badToken, 'token'],
  ['FLOW-19', 'the token has no type', () => ({ answer: ({ token_type: _type, ...rest }) => rest }), badToken, 'token'],
  ['FLOW-19', 'the token lives for a negative time', () => ({ answer: truth => ({ ...truth, expires_in: -1 }) }), badToken, 'token'],
  ['FLOW-19', 'the refresh token is a number', () => ({ answer: truth => ({ ...truth, refresh_token: 7 }) }), badToken, 'token'],
  ['FLOW-19', 'the scope is a list', () => ({ answer: truth => ({ ...truth, scope: ['openid'] }) }), badToken, 'token'],
  ['FLOW-19', 'the token answer comes with status 201', take('token', says('{"access_token":"a","token_type":"Bearer"}', 'application/json', 201)), badToken, 'token'],
  ['FLOW-19', 'the token answer is a JWT by type', take('token', says('a.b.c', 'application/jwt')), notJson, 'token'],
  ['IDT-01', 'there is no ID token', () => ({ idToken: () => undefined }), badToken, 'token'],
  ['IDT-01', 'the ID token is an object', () => ({ answer: truth => ({ ...truth, id_token: {} }) }), badToken, 'token'],

  ['META-08', 'the keys are said to be packed, and are not', ({ liar }) => ({ take: { jwks: says(JSON.stringify({ keys: [liar.publicJwk()] }), 'application/json', 200, { 'content-encoding': 'gzip' }) } }), notJson, 'jwks'],
  ['META-06', 'the key set is a list', take('jwks', says('[]')), badKeys, 'jwks'],
  ['META-06', 'the key set has no keys', () => ({ jwks: () => ({}) }), badKeys, 'jwks'],
  ['META-06', 'the keys are texts', () => ({ jwks: () => ({ keys: ['k1'] }) }), badKeys, 'jwks'],
  ['META-06', 'there are 1000 keys', () => ({ jwks: ({ keys }) => ({ keys: Array.from({ length: 1000 }, () => (keys as Json[])[0]) }) }), badKeys, 'jwks'],
  ['META-06', 'the keys come with status 500', take('jwks', says('{"keys":[]}', 'application/json', 500)), badKeys, 'jwks'],

  ['UI-01, A-022', 'UserInfo is about somebody else', () => ({ userinfo: truth => ({ ...truth, sub: 'b2' }) }), 'bad_request userinfo_changed', 'userinfo'],
  ['UI-01', 'UserInfo is about nobody', () => ({ userinfo: ({ sub: _sub, ...rest }) => rest }), badUserInfo, 'userinfo'],
  ['UI-01', 'UserInfo is about a list of people', () => ({ userinfo: truth => ({ ...truth, sub: ['a1'] }) }), badUserInfo, 'userinfo'],
  ['UI-01', 'UserInfo is a list', take('userinfo', says('[{"sub":"a1"}]')), badUserInfo, 'userinfo'],
  ['UI-01', 'UserInfo is refused', take('userinfo', says('{}', 'application/json', 401, { 'www-authenticate': 'Bearer error="invalid_token"' })), badUserInfo, 'userinfo'],
  ['UI-01', 'UserInfo is nowhere', member('userinfo_endpoint', undefined), badUserInfo, 'userinfo_unasked'],
]
