import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { parse } from 'yaml'
import { readProjectFile } from './project-files.ts'

type Method = 'get' | 'post' | 'delete'

interface Reference {
  readonly $ref?: string
}

interface Header extends Reference {
  readonly required?: boolean
  readonly schema?: object
}

export interface DocumentedResponse extends Reference {
  readonly headers?: Readonly<Record<string, Header>>
  readonly content?: Readonly<Record<string, { readonly schema: object }>>
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query'
}

type Parameters = readonly (Parameter | { readonly $ref: string })[]

export interface Operation {
  readonly tags: readonly string[]
  readonly operationId: string
  readonly parameters?: Parameters
  readonly responses: Readonly<Record<string, DocumentedResponse>>
}

/** config/openapi.yaml, as far as tests read it. */
export const openapi = parse(readProjectFile('config/openapi.yaml')) as {
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<Method, Operation>>> & { readonly parameters?: Parameters }>>
  readonly components: { readonly schemas: Readonly<Record<string, { readonly enum?: readonly string[] }>> }
}

/** An answer, with the headers' names in lower case. */
export interface Answer {
  readonly method: string
  /** Without the query, and with `/auth` as base whichever is configured. */
  readonly path: string
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

// Compiled when they are first needed: most test files need few.
const ajv = new Ajv2020({ strictTypes: false })
formats.default(ajv)
// The document itself is no schema, but holds those that are.
ajv.addVocabulary(Object.keys(openapi))
ajv.addSchema(openapi, 'openapi')
const compiled = new Map<string, ValidateFunction>()

const templates = Object.keys(openapi.paths)
  // The more of it is fixed, the sooner it is tried: revoke-others is no session_id.
  .toSorted((a, b) => a.split('{').length - b.split('{').length)
  .map(path => ({ path, pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`) }))

/** @returns what config/openapi.yaml does not say of the answer; null when it describes it */
export function judgeAnswer(answer: Answer): string | null {
  const path = templates.find(({ pattern }) => pattern.test(answer.path))?.path
  const item = openapi.paths[path ?? ''] ?? {}
  const asked = (answer.method === 'HEAD' ? 'get' : answer.method.toLowerCase()) as Method
  const what = `${answer.method} ${answer.path} ${answer.status}`
  if (item[asked] === undefined && isRefusal(answer)) return null
  // What programs sign in by says no to another method in a form of its own.
  const method = item[asked] === undefined && answer.status === 405 ? 'post' : asked
  const operation = item[method]
  if (operation === undefined) return `${what}: no such endpoint`

  const at = `#/paths/${encodeName(path ?? '')}/${method}/responses/${answer.status}`
  const documented = operation.responses[answer.status]
  // At an origin of native clients' own, most of these are not there.
  if (documented === undefined && answer.status === 404 && isRefusal(answer)) return null
  if (documented === undefined) return `${what} (${answer.headers['sallyport-error']}): no such status`
  const { response, pointer } = resolve(documented, at)
  const fault = judgeHeaders(response, pointer, answer) ?? judgeBody(response, pointer, answer)
  return fault === null ? null : `${what}: ${fault}`
}

/** What an error of ours looks like on any path, routes included. */
export function isRefusal({ method, status, headers, body }: Answer): boolean {
  const code = headers['sallyport-error']
  if (status < 400 || code === undefined) return false
  if (method === 'HEAD' || mediaType(headers) === 'text/html') return true
  return failsIn('#/components/schemas/Problem', parseJson(body)) === null && codeOf(body) === code
}

function judgeHeaders({ headers = {} }: DocumentedResponse, pointer: string, answer: Answer): string | null {
  for (const [name, header] of Object.entries(headers)) {
    const place = header.$ref ?? `${pointer}/headers/${name}`
    const value = answer.headers[name.toLowerCase()]
    const { required = false } = (header.$ref === undefined ? header : find(header.$ref)) as Header
    if (value === undefined && required) return `${name} is missing`
    const fault = value === undefined ? null : failsIn(`${place}/schema`, value)
    if (fault !== null) return `${name}: ${value}: ${fault}`
  }
  return answer.headers['sallyport-error'] !== undefined && !('Sallyport-Error' in headers) ? 'has Sallyport-Error' : null
}

function judgeBody({ content }: DocumentedResponse, pointer: string, answer: Answer): string | null {
  const { method, headers, body } = answer
  if (content === undefined) return body === '' ? null : 'has a body'
  const type = mediaType(headers)
  if (!(type in content)) return `is ${type}`
  if (method === 'HEAD' || !type.endsWith('json')) return null
  if (type === 'application/problem+json' && codeOf(body) !== headers['sallyport-error'])
    return 'has one code in its body, another in its header'
  const fault = failsIn(`${pointer}/content/${encodeName(type)}/schema`, parseJson(body))
  return fault === null ? null : `${fault}: ${body}`
}

function resolve(response: DocumentedResponse, at: string): { response: DocumentedResponse; pointer: string } {
  return response.$ref === undefined
    ? { response, pointer: at }
    : { response: find(response.$ref) as DocumentedResponse, pointer: response.$ref }
}

/** What a `#/…` pointer leads to. */
export function find(pointer: string): unknown {
  const names = pointer.slice('#/'.length).split('/').map(decodeName)
  return names.reduce<unknown>((value, name) => (value as Record<string, unknown> | undefined)?.[name], openapi)
}

function failsIn(pointer: string, value: unknown): string | null {
  let validate = compiled.get(pointer)
  if (validate === undefined) {
    validate = ajv.compile({ $ref: `openapi${pointer}` })
    compiled.set(pointer, validate)
  }
  return validate(value) ? null : ajv.errorsText(validate.errors)
}

function mediaType(headers: Answer['headers']): string {
  return (headers['content-type'] ?? 'without a type').split(';')[0] ?? ''
}

function codeOf(body: string): unknown {
  return (parseJson(body) as { readonly code?: unknown } | undefined)?.code
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** RFC 6901 §3, and as a fragment §6. */
function encodeName(name: string): string {
  return encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))
}

function decodeName(name: string): string {
  return decodeURIComponent(name).replaceAll('~1', '/').replaceAll('~0', '~')
}
