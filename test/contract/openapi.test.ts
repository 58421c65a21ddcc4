import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { errorCodes } from '../../src/errors.ts'
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

  it('has the endpoints of docs/native-clients.md, and no others', () => {
    const table = [...readProjectFile('docs/native-clients.md').matchAll(/^\| (GET|GET, POST|POST) `(\/[^`]+)`/gm)]
    const documented = table.flatMap(([, methods = '', path = '']) => methods.split(', ').map(method => `${method} ${path}`))

    assert.deepEqual(tagged('native').toSorted(), documented.toSorted())
  })

  it('has the calls of docs/admin.md, and no others', () => {
    const table = [...readProjectFile('docs/admin.md').matchAll(/^\| (GET|DELETE) (\/admin\/[\w/{}]+)/gm)]
    const documented = table.map(([, method = '', path = '']) => `${method} ${path}`)

    assert.deepEqual(tagged('admin').toSorted(), documented.toSorted())
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

  it('finds a header missing that a client needs', () => {
    const busy = { ...problem, path: '/auth/events', status: 429, headers: { ...problem.headers, 'sallyport-error': 'too_many_requests' } }

    assert.match(
      String(judgeAnswer({ ...busy, body: problem.body.replace('cross_site_refused', 'too_many_requests') })),
      /Retry-After is missing/,
    )
  })
})
