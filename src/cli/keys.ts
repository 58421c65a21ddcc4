import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { printJson, type Terminal, UsageError } from './terminal.ts'

const advice = {
  cookie:
    'Keep it in a file that only the gateway can read, and name it: session.cookieKeys: [{ file: … }]. The first key signs, all verify.',
  sealing:
    'Keep it in a file that only the gateway can read, and name it: session.sealingKeys: [{ id: k1, file: … }]. The first key seals, all open.',
  admin:
    'Keep it in a file that only the gateway and whoever administers can read, and name it: admin.tokens: [{ id: …, file: … }]. The id stands in the audit.',
}

/** `sallyport keys generate`: a new key on stdout, where it goes on stderr. */
export function generateKey(args: readonly string[], terminal: Terminal): number {
  const { values } = parseArgs({
    args: [...args],
    options: { kind: { type: 'string', default: 'cookie' }, json: { type: 'boolean', default: false } },
  })
  const { kind, json } = values
  if (kind !== 'cookie' && kind !== 'sealing' && kind !== 'admin') throw new UsageError('--kind is cookie, sealing or admin')

  const key = randomBytes(32).toString('base64url')
  if (json) printJson(terminal, { kind, key })
  else terminal.print(key)
  terminal.remark(advice[kind])
  return 0
}
