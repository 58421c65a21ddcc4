import { METHODS } from 'node:http'

// Plain characters, so that a pattern has one reading, as the paths that it is compared with have.
const form = /^(\*|[A-Z]+) (\/[A-Za-z0-9._~/-]*)(\*?)$/

/**
 * Whether text can be a call pattern: a method or `*`, a space, and a path, `GET /api/orders/7`, or all below one,
 * `GET /api/orders/*`.
 */
export function isCallPattern(text: string): boolean {
  const [, method = '', path = '', star] = form.exec(text) ?? []
  if (method === '' || (method !== '*' && !METHODS.includes(method))) return false
  if (path.split('/').some(segment => segment === '.' || segment === '..') || path.includes('//')) return false
  return star === '' || path.endsWith('/')
}

/**
 * Whether a pattern lets a call through, `GET /api/orders/7`, or everything that another pattern lets through.
 * Segment-aligned and case-sensitive; `/api/orders/*` is everything below `/api/orders/`, and not that itself.
 */
export function covers(pattern: string, call: string): boolean {
  const [method = '', path = ''] = pattern.split(' ')
  const space = call.indexOf(' ')
  const asked = call.slice(space + 1)
  if (method !== '*' && method !== call.slice(0, space)) return false
  return path.endsWith('*') ? asked.startsWith(path.slice(0, -1)) : asked === path
}
