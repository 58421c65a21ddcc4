import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { z } from 'zod'
import { durationForm, parseDuration } from './durations.ts'
import { httpsProblem, originProblem } from './hosts.ts'
import { secrets } from './references.ts'

/** A text of one line, not empty. */
export function text() {
  return judged(z.string().min(1).max(2000), value => (/\p{Cc}/u.test(value) ? 'must be one line without control characters' : null))
}

/** A text that `problem` has no objection to; it answers with a sentence that says what to do. */
export function judgedText(problem: (value: string) => string | null) {
  return judged(text(), problem)
}

/** A word that a pattern describes; `rule` says in words what it is. */
export function word(pattern: RegExp, rule: string) {
  return z.string().regex(pattern, { error: `must be ${rule}` })
}

/** A value that may not stand in the file itself. */
export function secret() {
  const schema = z.string().min(1)
  secrets.add(schema, { isSecret: true })
  return schema
}

export function flag() {
  return z.preprocess(value => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
}

/** A whole number; from the environment it arrives as text. */
export function whole(min: number, max: number) {
  const rule = { error: `must be a whole number from ${min} to ${max}` }
  return z.preprocess(
    value => (typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value),
    z.int(rule).min(min, rule).max(max, rule),
  )
}

/** Written `30s`, `15m`, `12h`, `7d`; milliseconds once read. The bounds are written the same way. */
export function duration(min: string, max: string) {
  return z
    .string({ error: 'needs a unit: write a duration such as 500ms, 30s, 15m, 12h or 7d' })
    .regex(durationForm, { error: 'must be a whole number and a unit: 500ms, 30s, 15m, 12h or 7d' })
    .transform(parseDuration)
    .refine(ms => ms >= parseDuration(min) && ms <= parseDuration(max), { error: `must be from ${min} to ${max}` })
}

const bytesPerUnit = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 }

/** Written `512B`, `64KiB`, `10MiB`, `1GiB`; bytes once read. */
export function size(max: string) {
  return z
    .string({ error: 'needs a unit: write a size such as 64KiB, 10MiB or 1GiB' })
    .regex(/^(0|[1-9][0-9]{0,8})(B|KiB|MiB|GiB)$/, { error: 'must be a whole number and a unit: 512B, 64KiB, 10MiB or 1GiB' })
    .transform(parseSize)
    .refine(bytes => bytes <= parseSize(max), { error: `must be at most ${max}` })
}

function parseSize(written: string): number {
  const unit = written.replace(/\d+/, '') as keyof typeof bytesPerUnit
  return Number.parseInt(written, 10) * bytesPerUnit[unit]
}

/** An address of this machine. */
export function listenAddress() {
  return judgedText(value => (isIP(value) !== 0 || value === 'localhost' ? null : 'must be an IP address or localhost'))
}

export function origin() {
  return judgedText(originProblem)
}

/** Whom a token is for: an absolute URI, or a name that the provider knows. */
export function audience() {
  return judgedText(value => {
    if (!/^[\x21-\x7e]{1,512}$/.test(value))
      return 'must be an absolute URI or a name, of visible ASCII without spaces, up to 512 characters'
    return value.includes('#') ? 'must not have a fragment' : null
  })
}

export function httpsUrl() {
  return judgedText(value => {
    const problem = httpsProblem(value)
    if (problem !== null) return problem
    const url = new URL(value)
    if (url.username !== '' || url.password !== '') return 'must not hold a user name or password'
    return url.search === '' && url.hash === '' && !/[?#]/.test(value) ? null : 'must not have a query or fragment'
  })
}

/** A path that has one reading only and no slash at its end: what a request's path is compared with. */
export function path() {
  return judgedText(value => {
    if (!value.startsWith('/')) return 'must start with /'
    if (value === '/') return null
    if (value.endsWith('/')) return 'must not end with /: the paths below are meant anyway'
    if (value.includes('//')) return 'must not have an empty segment (//)'
    if (value.includes('%')) return 'must be written without percent escapes'
    if (/[?#]/.test(value)) return 'must not have a query or fragment'
    if (!/^[A-Za-z0-9/._~!$&'()*+,=:@-]+$/.test(value))
      return "must be of letters, digits and - . _ ~ ! $ & ' ( ) * + , = : @ between slashes"
    return value.split('/').some(segment => segment === '.' || segment === '..') ? 'must not have dot segments' : null
  })
}

/** PEM text of one or more certificates. */
export function certificates() {
  return z.string().refine(holdsCertificates, { error: 'must be PEM: -----BEGIN CERTIFICATE----- and what belongs to it' })
}

function holdsCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  try {
    return blocks?.map(block => new X509Certificate(block)) !== undefined
  } catch {
    return false
  }
}

/** Either one item or a list of them. */
export function oneOrMore<T extends z.ZodType>(item: T) {
  return z
    .union([item, z.array(item).min(1)], { error: 'must be one value or a list of values' })
    .transform(given => (Array.isArray(given) ? given : [given]))
}

/** A list without repetitions. */
export function distinct<T extends z.ZodType<string>>(item: T) {
  return z.array(item).superRefine((items, context) => {
    items.forEach((entry, i) => {
      if (items.indexOf(entry) !== i)
        context.addIssue({ code: 'custom', path: [i], message: 'stands in the list twice: remove one of the two' })
    })
  })
}

function judged<T extends z.ZodType<string>>(schema: T, problem: (value: string) => string | null) {
  return schema.superRefine((value, context) => {
    const message = problem(value)
    if (message !== null) context.addIssue({ code: 'custom', message })
  })
}
