import { parseArgs } from 'node:util'
import { printable } from '../config/mistakes.ts'
import { adminOptions, openAdmin } from './admin-client.ts'
import { CommandError, exitCode, printJson, type Terminal } from './terminal.ts'

/** `sallyport secrets status`: what a running gateway has read from files, and how old that is. Never what it is. */
export async function showSecrets(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values } = parseArgs({ args: [...args], options: { ...adminOptions, json: { type: 'boolean', default: false } } })
  const { body } = await openAdmin(values, terminal.env).call('GET', '/admin/secrets')
  const secrets = readSecrets(body)
  if (secrets === null) throw new CommandError('the answer is not a list of secrets: is this the admin port of a gateway?', exitCode.other)
  if (values.json) printJson(terminal, body)
  else if (secrets.length === 0) terminal.remark('no secret comes from a file')
  else {
    const width = Math.max(...secrets.map(({ name }) => name.length))
    terminal.print(
      [terminal.strong(`${'SECRET'.padEnd(width)}  AGE`), ...secrets.map(one => `${one.name.padEnd(width)}  ${one.age}`)].join('\n'),
    )
  }
  return exitCode.ok
}

function readSecrets(body: unknown): { readonly name: string; readonly age: string }[] | null {
  const list: unknown = typeof body === 'object' && body !== null && 'secrets' in body ? body.secrets : null
  if (!Array.isArray(list)) return null
  return list.map(({ secret, age_seconds: age }) => ({ name: printable(String(secret)), age: ageOf(Number(age)) }))
}

/** In the largest unit that there is one of. */
function ageOf(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  if (!(minutes >= 60)) return `${minutes || 0} min`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h` : `${Math.floor(minutes / (24 * 60))} d`
}
