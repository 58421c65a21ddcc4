import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { printJson, type Terminal, UsageError } from './terminal.ts'

interface Kind {
  readonly make: () => string
  readonly advice: string
}

const bytes = () => randomBytes(32).toString('base64url')

const kinds: ReadonlyMap<string, Kind> = new Map([
  [
    'cookie',
    {
      make: bytes,
      advice:
        'Keep it in a file that only the gateway can read, and name it: session.cookieKeys: [{ file: … }]. The first key signs, all verify.',
    },
  ],
  [
    'sealing',
    {
      make: bytes,
      advice:
        'Keep it in a file that only the gateway can read, and name it: session.sealingKeys: [{ id: k1, file: … }]. The first key seals, all open.',
    },
  ],
  [
    'admin',
    {
      make: bytes,
      advice:
        'Keep it in a file that only the gateway and whoever administers can read, and name it: admin.tokens: [{ id: …, file: … }]. The id stands in the audit.',
    },
  ],
  [
    'assertion',
    {
      make: privateKey,
      advice:
        'Keep it in a file that only the gateway can read, and name it: assertionKeys: [{ id: …, file: … }]. The first key signs, all are published: a new one goes last at first.',
    },
  ],
])

/** `sallyport keys generate`: a new key on stdout, where it goes on stderr. */
export function generateKey(args: readonly string[], terminal: Terminal): number {
  const { values } = parseArgs({
    args: [...args],
    options: { kind: { type: 'string', default: 'cookie' }, json: { type: 'boolean', default: false } },
  })
  const chosen = kinds.get(values.kind)
  if (chosen === undefined) throw new UsageError('--kind is cookie, sealing, admin or assertion')

  const key = chosen.make()
  if (values.json) printJson(terminal, { kind: values.kind, key })
  else terminal.print(key)
  terminal.remark(chosen.advice)
  return 0
}

/** On P-256, as PEM: the form that the configuration and every other tool reads. */
function privateKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim()
}
