import { createHmac, generateKeyPairSync } from 'node:crypto'
import { exportJWK, importJWK, SignJWT } from 'jose'
import type { IdentityProvider } from '../support/identity-provider.ts'
import { type LogoutTokenChanges, logoutEvent } from '../support/idp-logout-token.ts'

type Make = (idp: IdentityProvider) => Promise<string>

/** Rows of the checklist, what is wrong with the token, how it comes to be, the reason of the refusal. */
export type LogoutLie = readonly [rows: string, name: string, make: Make, reason: string]

const form = 'logout_token_form'
const type = 'logout_token_type'
const claims = 'logout_token_claims'
const signature = 'logout_token_signature'

const seconds = () => Math.floor(Date.now() / 1000)
const says = (changes: () => LogoutTokenChanges) => (idp: IdentityProvider) => idp.logoutToken(changes())
const claim = (name: string, value: () => unknown) => says(() => ({ claims: { [name]: value() } }))
const header = (name: string, value: unknown) => says(() => ({ header: { [name]: value } }))
const altered = (change: (parts: readonly [string, string, string]) => string) => async (idp: IdentityProvider) => {
  const [head = '', body = '', signed = ''] = (await idp.logoutToken()).split('.')
  return change([head, body, signed])
}
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** Signed by somebody else, who names the provider's key or brings one along. */
async function byStranger(idp: IdentityProvider, extra: Record<string, unknown> = {}, keepsKid = true): Promise<string> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const [head = '', body = ''] = (await idp.logoutToken()).split('.')
  const { kid, ...rest } = JSON.parse(Buffer.from(head, 'base64url').toString())
  const jwk = await exportJWK(publicKey)
  const protectedHeader = { ...rest, ...(keepsKid ? { kid } : { kid: 'strange' }), ...('jwk' in extra ? { jwk } : extra) }
  return await new SignJWT(JSON.parse(Buffer.from(body, 'base64url').toString())).setProtectedHeader(protectedHeader).sign(privateKey)
}

/** Signed with a secret that is none: ours, or the provider's public key. */
async function byHmac(idp: IdentityProvider, secret: string): Promise<string> {
  const [head = '', body = ''] = (await idp.logoutToken({ header: { alg: 'HS256' } })).split('.')
  return `${head}.${body}.${createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url')}`
}

async function publicKeyOf(idp: IdentityProvider): Promise<string> {
  const { keys } = (await (await fetch(`${idp.issuer}/jwks`)).json()) as { keys: object[] }
  return JSON.stringify(await exportJWK(await importJWK(keys[0] ?? {}, 'ES256')))
}

// biome-ignore format: one line a lie
export const liesAboutLogouts: readonly LogoutLie[] = [
  ['BCL-02', 'the signature is another', altered(([head, body, signed]) => `${head}.${body}.${signed.startsWith('A') ? 'B' : 'A'}${signed.slice(1)}`), signature],
  ['BCL-02', 'the claims are others', altered(([head, body, signed]) => `${head}.${encode({ ...JSON.parse(Buffer.from(body, 'base64url').toString()), sub: 'b2' })}.${signed}`), signature],
  ['BCL-02', 'the signature is missing', altered(([head, body]) => `${head}.${body}.`), signature],
  ['BCL-02', 'alg is none', says(() => ({ header: { alg: 'none' } })), signature],
  ['BCL-02', 'alg is none, and there is no signature', async idp => `${(await idp.logoutToken({ header: { alg: 'none' } })).split('.').slice(0, 2).join('.')}.`, signature],
  ['BCL-02', 'alg is NONE', header('alg', 'NONE'), signature],
  ['BCL-02', 'alg is missing', header('alg', undefined), signature],
  ['BCL-02', 'alg is a list', header('alg', ['ES256']), signature],
  ['BCL-02', 'alg is one that the provider does not announce', header('alg', 'RS256'), signature],
  ['BCL-02', 'alg is one that nobody knows', header('alg', 'ES257'), signature],
  ['BCL-02', 'it is signed with our secret', idp => byHmac(idp, idp.clientSecret), signature],
  ['BCL-02', 'it is signed with the public key as a secret', async idp => byHmac(idp, await publicKeyOf(idp)), signature],
  ['BCL-02', 'somebody else has signed it in the name of the key', idp => byStranger(idp), signature],
  ['BCL-02', 'somebody else has signed it and brings the key', idp => byStranger(idp, { jwk: true }), signature],
  ['BCL-02', 'somebody else has signed it and says where the key is', idp => byStranger(idp, { jku: 'https://evil.example/jwks' }, false), signature],
  ['BCL-02', 'something is to be understood that nobody knows', says(() => ({ header: { crit: ['exp'], exp: 1 } })), form],
  ['BCL-02', 'the payload is not encoded', says(() => ({ header: { crit: ['b64'], b64: false } })), form],

  ['', 'it is empty', async () => '', form],
  ['', 'it has two parts', altered(([head, body]) => `${head}.${body}`), form],
  ['', 'it has four parts', altered(parts => [...parts, ''].join('.')), form],
  ['', 'it is encrypted', altered(parts => [...parts, 'a', 'b'].join('.')), form],
  ['', 'it is no JWT', async () => 'logout.me.now', form],
  ['', 'it is 16 KiB long and more', claim('padding', () => 'x'.repeat(16 * 1024)), form],
  ['', 'its claims are a list', says(() => ({ payload: () => '[]' })), form],
  ['', 'its claims are a text', says(() => ({ payload: () => '"a"' })), form],
  ['', 'its claims break off', says(() => ({ payload: truth => truth.slice(0, -1) })), form],
  ['', 'it has a claim twice', says(() => ({ payload: truth => truth.replace('"sub":"a1"', '"sub":"a1","sub":"b2"') })), form],
  ['', 'it has a claim twice, once in disguise', says(() => ({ payload: truth => truth.replace('"sub":"a1"', '"sub":"a1","s\\u0075b":"b2"') })), form],
  ['', 'it is nested without end', says(() => ({ payload: truth => truth.replace('{', `{"a":${'['.repeat(100)}${']'.repeat(100)},`) })), form],

  ['BCL-03', 'iss is another', claim('iss', () => 'https://other.example'), claims],
  ['BCL-03', 'iss has a slash more', async idp => idp.logoutToken({ claims: { iss: `${idp.issuer}/` } }), claims],
  ['BCL-03', 'iss is a list', async idp => idp.logoutToken({ claims: { iss: [idp.issuer] } }), claims],
  ['BCL-03', 'iss is missing', claim('iss', () => undefined), claims],
  ['BCL-03', 'aud is another', claim('aud', () => 'other'), claims],
  ['BCL-03', 'aud holds others only', claim('aud', () => ['other', 'sallyport2']), claims],
  ['BCL-03', 'aud is empty', claim('aud', () => []), claims],
  ['BCL-03', 'aud is nested', claim('aud', () => [['sallyport']]), claims],
  ['BCL-03', 'aud is an object', claim('aud', () => ({ sallyport: true })), claims],
  ['BCL-03', 'aud is missing', claim('aud', () => undefined), claims],
  ['BCL-03', 'iat is in an hour', says(() => ({ claims: { iat: seconds() + 3600, exp: seconds() + 3720 } })), claims],
  ['BCL-03', 'iat is in two minutes', claim('iat', () => seconds() + 120), claims],
  ['BCL-03', 'iat is of an hour ago, exp far ahead', says(() => ({ claims: { iat: seconds() - 3600, exp: seconds() + 3600 } })), claims],
  ['BCL-03', 'iat is infinite', says(() => ({ payload: truth => truth.replace(/"iat":\d+/, '"iat":1e999') })), claims],
  ['BCL-03', 'iat is a text', claim('iat', () => String(seconds())), claims],
  ['BCL-03', 'iat is missing', claim('iat', () => undefined), claims],
  ['BCL-03', 'it has run out', says(() => ({ claims: { iat: seconds() - 240, exp: seconds() - 120 } })), claims],
  ['BCL-03', 'exp is missing', claim('exp', () => undefined), claims],
  ['BCL-03', 'exp is null', claim('exp', () => null), claims],
  ['BCL-03', 'exp is a text', claim('exp', () => String(seconds() + 120)), claims],
  ['BCL-03', 'exp is infinite', says(() => ({ payload: truth => truth.replace(/"exp":\d+/, '"exp":1e999') })), claims],
  ['BCL-03', 'it is not valid yet', claim('nbf', () => seconds() + 120), claims],
  ['BCL-03', 'nbf is a text', claim('nbf', () => 'now'), claims],

  ['BCL-04', 'events is missing', claim('events', () => undefined), type],
  ['BCL-04', 'events is empty', claim('events', () => ({})), type],
  ['BCL-04', 'events holds another', claim('events', () => ({ 'http://schemas.openid.net/event/other': {} })), type],
  ['BCL-04', 'the event is a text', claim('events', () => ({ [logoutEvent]: 'yes' })), type],
  ['BCL-04', 'the event is a list', claim('events', () => ({ [logoutEvent]: [] })), type],
  ['BCL-04', 'the event is null', claim('events', () => ({ [logoutEvent]: null })), type],
  ['BCL-04', 'the event is true', claim('events', () => ({ [logoutEvent]: true })), type],
  ['BCL-04', 'events is a list', claim('events', () => [{ [logoutEvent]: {} }]), type],
  ['BCL-04', 'events is a text', claim('events', () => logoutEvent), type],

  ['BCL-05', 'it has a nonce', claim('nonce', () => 'n'), type],
  ['BCL-05', 'it has a nonce that is null', claim('nonce', () => null), type],
  ['BCL-05', 'it has an empty nonce', claim('nonce', () => ''), type],

  ['', 'nobody is named', says(() => ({ claims: { sub: undefined, sid: undefined } })), claims],
  ['', 'sub is empty', claim('sub', () => ''), claims],
  ['', 'sub is null', claim('sub', () => null), claims],
  ['', 'sub is a list', claim('sub', () => ['a1']), claims],
  ['', 'sub is longer than 255', claim('sub', () => 'x'.repeat(256)), claims],
  ['', 'sid is empty', claim('sid', () => ''), claims],
  ['', 'sid is an object', claim('sid', () => ({})), claims],
  ['', 'sid is longer than 255', claim('sid', () => 'x'.repeat(256)), claims],
  ['', 'jti is missing', claim('jti', () => undefined), claims],
  ['', 'jti is empty', claim('jti', () => ''), claims],
  ['', 'jti is a number', claim('jti', () => 7), claims],
  ['', 'jti is longer than 512', claim('jti', () => 'x'.repeat(513)), claims],

  ['BCL-08', 'typ is of access tokens', header('typ', 'at+jwt'), type],
  ['BCL-08', 'typ is of client assertions', header('typ', 'client-authentication+jwt'), type],
  ['BCL-08', 'typ is of ID tokens', header('typ', 'id+jwt'), type],
  ['BCL-08', 'typ is of security events', header('typ', 'secevent+jwt'), type],
  ['BCL-08', 'typ only begins like it', header('typ', 'logout+jwt-not'), type],
  ['BCL-08', 'typ is empty', header('typ', ''), type],
  ['BCL-08', 'typ is null', header('typ', null), type],
  ['BCL-08', 'typ is a list', header('typ', ['logout+jwt']), type],
]
