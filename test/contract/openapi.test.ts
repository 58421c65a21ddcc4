import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes } from '../../src/errors.ts'
import { createDocumentedPath } from '../support/documented-path.ts'
import { type Answer, find, judgeAnswer, openapi, type Parameter } from '../support/openapi.ts'
import { readProjectFile } from '../support/project-files.ts'

/** `GET /auth/session`, with each tag that it has. */
const operations = Object.entries(openapi.paths).flatMap(([path, item]) =>
  (['get', 'post', 'delete'] as const).flatMap(method => {
    const operation = item[method]
    return operation === undefined ? [] : [{ name: `${method.toUpperCase()} ${path}`, path, operation }]
  }),
)

/** Those with one of these tags. */
const tagged = (...tags: readonly string[]) =>
  operations.filter(({ operation }) => operation.tags.some(tag => tags.includes(tag))).map(({ name }) => name)

describe('config/openapi.yaml', () => {
  it('has the endpoints of docs/endpoints.md, and no others', () => {
    const table = [...readProjectFile('docs/endpoints.md').matchAll(/^\| \[(GET|GET or POST|POST|DELETE) (\/\S+)\]/gm)]
    const documented = table.flatMap(([, methods = '', path = '']) => methods.split(' or ').map(method => `${method} ${path}`))

    assert.deepEqual(tagged('sign-in', 'session', 'people', 'provider').toSorted(), documented.toSorted())
  })

  it('has the calls of docs/admin.md, and no others', () => {
    const table = [...readProjectFile('docs/admin.md').matchAll(/^\| (GET|DELETE) (\/admin\/[\w/{}]+)/gm)]
    const documented = table.map(([, method = '', path = '']) => `${method} ${path}`)

    assert.deepEqual(tagged('admin').toSorted(), documented.toSorted())
  })

  it('has the endpoints of docs/native-clients.md, and no others', () => {
    const table = [...readProjectFile('docs/native-clients.md').matchAll(/^\| (GET|GET, POST|POST) `([^`[]+)(\[\/path\])?`/gm)]
    const documented = table.flatMap(([, methods = '', path = '', further]) =>
      methods.split(', ').flatMap(method => [`${method} ${path}`, ...(further === undefined ? [] : [`${method} ${path}/{path}`])]),
    )

    assert.deepEqual(tagged('native').toSorted(), documented.toSorted())
  })

  it('lists every error code, and no other', () => {
    assert.deepEqual(openapi.components.schemas.ErrorCode?.enum?.toSorted(), errorCodes.toSorted())
  })

  it('has a name for each operation, and no reference that leads nowhere', () => {
    const names = operations.map(({ operation }) => operation.operationId)
    const references = [...readProjectFile('config/openapi.yaml').matchAll(/\$ref: '([^']+)'/g)].map(([, pointer = '']) => pointer)

    assert.equal(new Set(names).size, names.length)
    assert.deepEqual(
      references.filter(pointer => find(pointer) === undefined),
      [],
    )
  })

  it('names every part of a path that stands for something', () => {
    for (const { name, path, operation } of operations) {
      const named = [...(openapi.paths[path]?.parameters ?? []), ...(operation.parameters ?? [])]
        .map(parameter => ('$ref' in parameter ? (find(parameter.$ref) as Parameter) : parameter))
        .filter(parameter => parameter.in === 'path')
        .map(parameter => parameter.name)

      assert.deepEqual(named.toSorted(), [...path.matchAll(/\{(\w+)\}/g)].map(([, part = '']) => part).toSorted(), name)
    }
  })
})

describe('the check of every answer in the suite', () => {
  const answer: Answer = {
    method: 'GET',
    path: '/auth/session',
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: '{"authenticated":false,"server_time":"2026-11-22T12:00:00Z","login_url":"/auth/login"}',
  }
  const problem: Answer = {
    ...answer,
    status: 403,
    headers: { 'content-type': 'application/problem+json; charset=utf-8', 'sallyport-error': 'cross_site_refused' },
    body: '{"type":"https://sallyport.example/docs/errors#x","title":"No","status":403,"code":"cross_site_refused","request_id":"r"}',
  }

  it('takes what is described', () => {
    assert.deepEqual([judgeAnswer(answer), judgeAnswer(problem), judgeAnswer({ ...answer, method: 'HEAD', body: '' })], [null, null, null])
  })

  it('finds an endpoint, a method and a status that nobody has described', () => {
    assert.match(String(judgeAnswer({ ...answer, path: '/auth/debug' })), /no such endpoint/)
    assert.match(String(judgeAnswer({ ...answer, method: 'PUT' })), /no such endpoint/)
    assert.match(String(judgeAnswer({ ...answer, status: 201 })), /no such status/)
  })

  it('UI-04 finds another type, another body, a member too many, and one too few', () => {
    const body = (change: object) => JSON.stringify({ ...(JSON.parse(answer.body) as object), ...change })

    assert.match(String(judgeAnswer({ ...answer, headers: { 'content-type': 'text/plain' } })), /is text\/plain/)
    assert.match(String(judgeAnswer({ ...answer, body: 'signed out' })), /must be object/)
    assert.notEqual(judgeAnswer({ ...answer, body: body({ access_token: 't' }) }), null)
    assert.notEqual(judgeAnswer({ ...answer, body: body({ login_url: undefined }) }), null)
  })

  it('finds an error with another code than that status has, without one, or with two', () => {
    const { 'sallyport-error': _code, ...headers } = problem.headers

    assert.match(String(judgeAnswer({ ...problem, headers })), /Sallyport-Error is missing/)
    assert.match(String(judgeAnswer({ ...problem, headers: { ...headers, 'sallyport-error': 'no_route' } })), /Sallyport-Error: no_route/)
    assert.match(String(judgeAnswer({ ...problem, body: problem.body.replace('cross_site_refused', 'no_route') })), /one code in its body/)
    assert.match(String(judgeAnswer({ ...answer, headers: { ...answer.headers, 'sallyport-error': 'no_route' } })), /has Sallyport-Error/)
  })

  it('finds an answer to a program that is none of OAuth', () => {
    const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' }
    const refusal = {
      method: 'POST',
      path: '/oauth/token',
      status: 400,
      headers,
      body: '{"error":"invalid_grant","error_description":"No."}',
    }
    const other = { ...refusal, method: 'GET', status: 405, body: refusal.body.replace('invalid_grant', 'invalid_request') }

    assert.equal(judgeAnswer(refusal), null)
    assert.match(String(judgeAnswer({ ...refusal, body: refusal.body.replace('invalid_grant', 'login_required') })), /allowed values/)
    assert.match(String(judgeAnswer({ ...refusal, body: refusal.body.replace('}', ',"code":"x"}') })), /additional properties/)
    assert.match(String(judgeAnswer({ ...refusal, headers: { ...headers, 'cache-control': 'private' } })), /Cache-Control/)
    assert.match(String(judgeAnswer({ ...refusal, status: 403 })), /no such status/)
    assert.equal(judgeAnswer({ ...other, headers: { ...headers, allow: 'POST' } }), null)
    assert.match(String(judgeAnswer(other)), /Allow is missing/)
  })

  it('knows the endpoints by whatever path they are configured to have, and only where they are', () => {
    const origin = { href: 'https://login.example', authority: 'login.example', isSecure: true }
    const paths = { base: '/me', native: '/signin', device: '/tv' }
    const modes = { par: 'auto', responseMode: 'any' } as const
    const client = { id: 'tv', name: 'TV', redirects: [], scopes: [], ...modes, device: true, delegate: false }
    const native = { origin, hasOwnOrigin: false, idleTimeoutMs: 1, absoluteTimeoutMs: 1, clients: [client] }
    const documented = createDocumentedPath({ paths, native })

    assert.deepEqual(
      ['/me/session', '/signin/token', '/tv', '/.well-known/oauth-authorization-server', '/signin', '/'].map(path =>
        documented('login.example', path),
      ),
      ['/auth/session', '/oauth/token', '/device', '/.well-known/oauth-authorization-server', null, null],
    )
    assert.deepEqual(
      ['/me/session', '/signin/token', '/tv', '/.well-known/oauth-protected-resource/api/orders'].map(path =>
        documented('app.example', path),
      ),
      ['/auth/session', null, null, '/.well-known/oauth-protected-resource/api%2Forders'],
    )
    assert.equal(createDocumentedPath({ paths })('login.example', '/signin/token'), null)
    assert.equal(createDocumentedPath({ paths, native: { ...native, hasOwnOrigin: true } })('login.example', '/'), '/')
  })

  it('finds a header missing that a client needs', () => {
    const busy = { ...problem, path: '/auth/events', status: 429, headers: { ...problem.headers, 'sallyport-error': 'too_many_requests' } }

    assert.match(
      String(judgeAnswer({ ...busy, body: problem.body.replace('cross_site_refused', 'too_many_requests') })),
      /Retry-After is missing/,
    )
  })
})
