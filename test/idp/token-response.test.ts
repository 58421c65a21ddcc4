import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, afterEach, describe, it } from 'node:test'
import { type Lies, startLyingProvider } from '../support/lying-provider.ts'
import { createProviderUnderTest, gatewayError, signIn } from '../support/provider-under-test.ts'

describe('a token response', async () => {
  const idp = await startLyingProvider()
  after(() => idp.close())
  afterEach(() => {
    idp.lies = {}
  })

  const signInWith = (lies: Lies, timeoutMs = 5_000) => {
    idp.lies = lies
    return signIn(createProviderUnderTest(idp, { timeoutMs }).provider, idp)
  }
  const withAnswer = (part: Record<string, unknown>) => signInWith({ answer: truth => ({ ...truth, ...part }) })

  it('FLOW-19 names its type in any case, and no other type', async () => {
    for (const type of ['bearer', 'BEARER', 'Bearer']) assert.equal((await withAnswer({ token_type: type })).sub, 'a1')
    for (const type of ['mac', 'DPoP', '', undefined, ['Bearer'], 7]) {
      await assert.rejects(withAnswer({ token_type: type }), gatewayError('idp_unavailable', 'token_response_invalid'), String(type))
    }
  })

  it('FLOW-19 says how long the token lives in a number, or not at all', async () => {
    const lives: readonly (readonly [unknown, number])[] = [
      [60, 60],
      ['3600', 3600],
      [0, 0],
      [undefined, 300],
      [1e12, 365 * 86_400],
    ]
    for (const [expiresIn, seconds] of lives) {
      const before = Date.now()
      const { access } = await withAnswer({ expires_in: expiresIn })
      assert.ok(access.expiresAt >= before + seconds * 1000 && access.expiresAt <= Date.now() + seconds * 1000, String(expiresIn))
    }
    for (const expiresIn of [-1, 'soon', null, {}, true]) {
      await assert.rejects(
        withAnswer({ expires_in: expiresIn }),
        gatewayError('idp_unavailable', 'token_response_invalid'),
        String(expiresIn),
      )
    }
  })

  it('FLOW-19 holds texts where texts belong', async () => {
    const wrong = [
      { access_token: {} },
      { access_token: '' },
      { access_token: undefined },
      { access_token: 'a\r\nX-Evil: 1' },
      { access_token: 'a b' },
    ]
    const others = [{ refresh_token: {} }, { refresh_token: '' }, { scope: ['openid'] }, { scope: null }]
    for (const part of [...wrong, ...others]) {
      await assert.rejects(withAnswer(part), gatewayError('idp_unavailable', 'token_response_invalid'), JSON.stringify(part))
    }
  })

  it('FLOW-19 is JSON and says so', async () => {
    await assert.rejects(signInWith({ answer: () => '[]' }), gatewayError('idp_unavailable', 'token_response_invalid'))
    await assert.rejects(signInWith({ answer: () => '{"access_token":"secret-canary' }), gatewayError('idp_unavailable', 'not_json'))
    const html = (type: string): Lies => ({
      token: (_request, response) => response.writeHead(200, { 'content-type': type }).end('{"access_token":"a","token_type":"Bearer"}'),
    })
    await assert.rejects(signInWith(html('text/html')), gatewayError('idp_unavailable', 'not_json'))
    await assert.rejects(signInWith(html('')), gatewayError('idp_unavailable', 'not_json'))
  })

  it('FLOW-20 may grant less than was asked for, and that is what holds', async () => {
    const narrowed = await withAnswer({ scope: 'openid  openid orders.read' })
    const silent = await withAnswer({ scope: undefined })

    assert.deepEqual(narrowed.access.scopes, ['openid', 'orders.read'])
    assert.deepEqual(silent.access.scopes, ['openid', 'profile', 'email', 'orders.read'])
  })

  it('may bring no refresh token', async () => {
    assert.equal((await withAnswer({ refresh_token: undefined })).refreshToken, null)
  })

  it('FLOW-21, A-019: a redirect is not followed, and the second host gets nothing', async () => {
    let visits = 0
    const second = createServer((_request, response) => {
      visits += 1
      response.end()
    })
    await new Promise<void>(resolve => second.listen(0, '127.0.0.1', resolve))
    after(() => second.close())
    const location = `http://127.0.0.1:${(second.address() as AddressInfo).port}/token`

    for (const status of [301, 302, 303, 307, 308]) {
      const lies: Lies = { token: (_request, response) => response.writeHead(status, { location }).end() }
      await assert.rejects(signInWith(lies), gatewayError('idp_unavailable', 'token_response_invalid'), String(status))
    }

    assert.equal(visits, 0)
  })

  it('FLOW-21 is asked for by POST, with nothing secret in the address', async () => {
    await signInWith({})
    const { path, body } = idp.requests.findLast(request => request.path.startsWith('/token')) ?? {}

    assert.equal(path, '/token')
    assert.equal(body?.get('grant_type'), 'authorization_code')
  })

  it('META-08, A-122: is asked for as it is, not packed', async () => {
    let encodings: unknown
    const lies: Lies = {
      token: (request, response) => {
        encodings = request.headers['accept-encoding']
        response.writeHead(500).end()
      },
    }

    await assert.rejects(signInWith(lies), { code: 'idp_unavailable' })

    assert.equal(encodings, 'identity')
  })

  it('META-08 is given up on when it is too large, too slow, or breaks off', async () => {
    const flood: Lies = {
      token: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' })
        for (let index = 0; index < 20; index += 1) response.write(' '.repeat(100_000))
        response.end('{}')
      },
    }
    const silence: Lies = { token: () => undefined }
    const drip: Lies = {
      token: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"access_token":')
        const timer = setInterval(() => response.write(' '), 50)
        response.on('close', () => clearInterval(timer))
      },
    }
    const reset: Lies = {
      token: (_request, response) => {
        response.writeHead(200, { 'content-type': 'application/json', 'content-length': '100' }).write('{', () => response.destroy())
      },
    }

    await assert.rejects(signInWith(flood), gatewayError('idp_unavailable', 'answer_too_large'))
    for (const slow of [silence, drip]) {
      const startedAt = performance.now()
      await assert.rejects(signInWith(slow, 500), gatewayError('idp_unavailable', 'timeout'))
      assert.ok(performance.now() - startedAt < 4_000)
    }
    await assert.rejects(signInWith(reset), gatewayError('idp_unavailable', 'unreachable'))
  })

  it('is no answer about the person when the IdP is in trouble or does not know us', async () => {
    const answers: readonly (readonly [number, string, string, string])[] = [
      [500, '{"error":"server_error"}', 'idp_unavailable', 'token_response_invalid'],
      [503, '<html>', 'idp_unavailable', 'token_response_invalid'],
      [404, '{}', 'idp_unavailable', 'token_response_invalid'],
      [401, '{"error":"invalid_client"}', 'idp_unavailable', 'invalid_client'],
      [400, '{"error":"unauthorized_client"}', 'idp_unavailable', 'unauthorized_client'],
      [400, '{"error":"canary <b>"}', 'idp_unavailable', 'unknown_error'],
      [400, '{"error":["invalid_grant"]}', 'idp_unavailable', 'token_response_invalid'],
      [400, '{"error":"invalid_grant"}', 'bad_request', 'code_refused'],
    ]
    for (const [status, body, code, reason] of answers) {
      const lies: Lies = { token: (_request, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body) }
      await assert.rejects(signInWith(lies), gatewayError(code, reason), `${status} ${body}`)
    }
  })

  it('LOG-07 leaves nothing of itself in the error', async () => {
    const canary = 'canary-3f9a'
    const broken: Lies[] = [
      { answer: () => `{"access_token":"${canary}"` },
      { answer: truth => ({ ...truth, access_token: canary, token_type: canary }) },
      { claims: truth => ({ ...truth, nonce: canary, email: canary }) },
      { claims: truth => ({ ...truth, sub: [canary] }) },
      { idToken: () => `${canary}.${canary}.${canary}` },
      {
        token: (_request, response) =>
          response.writeHead(400, { 'content-type': 'application/json' }).end(`{"error":"invalid_grant","error_description":"${canary}"}`),
      },
    ]
    for (const lies of broken) {
      const failure = await signInWith(lies).then(
        () => assert.fail('should be refused'),
        (error: unknown) => error,
      )
      assert.equal(everythingIn(failure).includes(canary), false)
    }
  })
})

/** All that a careless logger could print of an error: every property of it and its causes, hidden ones too. */
function everythingIn(error: unknown): string {
  if (typeof error !== 'object' || error === null) return String(error)
  return Reflect.ownKeys(error)
    .map(key => `${String(key)}: ${everythingIn(Reflect.get(error, key))}`)
    .join('\n')
}
