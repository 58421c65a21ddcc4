import { printable } from '../config/mistakes.ts'

/** One line of the table; those of delegated sessions are indented. */
interface Row {
  readonly id: string
  readonly device: string
  readonly address: string
  readonly lastUse: string
}

const lineWidth = 80
const gap = 2
/** An IPv4 address, whole. */
const leastAddressWidth = 15

/**
 * Draws the answer of GET /admin/sessions for people: a head and a line for each session. What does not fit into 80
 * columns is cut, ids never: they are what one copies.
 *
 * @param at the gateway's clock, epoch milliseconds; this machine's may differ
 * @returns null for something that is no such answer
 */
export function sessionTable(answer: unknown, at: number): readonly string[] | null {
  const rows = rowsOf(answer, 'sessions', at, '')
  if (rows === null) return null
  const all = [{ id: 'SESSION', device: 'DEVICE', address: 'ADDRESS', lastUse: 'LAST USE' }, ...rows]
  const widest = (name: keyof Row) => Math.max(...all.map(row => row[name].length))

  const room = lineWidth - widest('id') - widest('lastUse') - 3 * gap
  const address = Math.min(widest('address'), Math.max(leastAddressWidth, room - widest('device')))
  const device = Math.max(1, Math.min(widest('device'), room - address))
  return all.map(row => [fit(row.id, widest('id')), fit(row.device, device), fit(row.address, address), row.lastUse].join(' '.repeat(gap)))
}

function rowsOf(holder: unknown, name: string, at: number, indent: string): Row[] | null {
  const sessions = memberOf(holder, name)
  if (!Array.isArray(sessions)) return null
  return sessions.flatMap(session => [
    {
      id: indent + textOf(session, 'session_id'),
      device: textOf(session, 'device'),
      address: textOf(session, 'address'),
      lastUse: since(Date.parse(textOf(session, 'last_used_at')), at),
    },
    ...(rowsOf(session, 'children', at, `${indent}  `) ?? []),
  ])
}

/** How long ago, in the largest unit that there is one of. The gateway itself knows it to a minute or so. */
function since(then: number, at: number): string {
  const minutes = Math.floor((at - then) / 60_000)
  if (Number.isNaN(minutes)) return 'unknown'
  if (minutes < 1) return 'just now'
  if (minutes < 60) return `${minutes} min ago`
  return minutes < 24 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / (24 * 60))} d ago`
}

function fit(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width)
}

/** What a browser called itself goes to a terminal: no control characters. */
function textOf(holder: unknown, name: string): string {
  const value = memberOf(holder, name)
  return typeof value === 'string' ? printable(value) : ''
}

function memberOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null ? (holder as Readonly<Record<string, unknown>>)[name] : undefined
}
