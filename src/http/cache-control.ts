/** Different values that upstreams send, of which each is rewritten once. */
const maxRemembered = 256

const remembered = new Map<string, string>()

/**
 * What an upstream's Cache-Control becomes on a route with a session: a cache shared by several people must
 * not keep it. `public` and `s-maxage` become `private`; a directive that only says how long gains
 * `private`, because our requests carry a cookie and no Authorization, so that a shared cache would think it
 * may keep the answer (RFC 9111 §3.5); and none at all becomes `private, no-store`.
 */
export function privateCacheControl(value: string | undefined): string {
  if (value === undefined || value.trim() === '') return 'private, no-store'
  let rewritten = remembered.get(value)
  if (rewritten === undefined) {
    rewritten = rewrite(value)
    if (remembered.size >= maxRemembered) remembered.clear()
    remembered.set(value, rewritten)
  }
  return rewritten
}

/** Whether a cache may keep an answer with this Cache-Control at all. */
export function isStorable(cacheControl: string): boolean {
  return !cacheControl.toLowerCase().includes('no-store')
}

function rewrite(value: string): string {
  const kept: string[] = []
  let isPrivate = false
  let isNeverStored = false
  for (const directive of directives(value)) {
    const name = (directive.split('=', 1)[0] ?? '').trim().toLowerCase()
    if (name === 'public' || name === 's-maxage') continue
    // `private="set-cookie"` would keep one field private, not the answer: said again without the field.
    if (name === 'private') isPrivate = true
    else kept.push(directive)
    if (name === 'no-store') isNeverStored = true
  }
  return (isPrivate || !isNeverStored ? ['private', ...kept] : kept).join(', ')
}

/** Splits at commas outside quotes. */
function directives(value: string): string[] {
  const found: string[] = []
  let from = 0
  let isQuoted = false
  for (let i = 0; i <= value.length; i++) {
    if (value[i] === '"') isQuoted = !isQuoted
    else if (i === value.length || (value[i] === ',' && !isQuoted)) {
      const directive = value.slice(from, i).trim()
      if (directive !== '') found.push(directive)
      from = i + 1
    }
  }
  return found
}
