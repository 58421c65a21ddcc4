import { randomBytes } from 'node:crypto'
import { closeSync, constants, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Terminal, UsageError } from '../terminal.ts'
import { runChild } from './child-process.ts'
import { readCurlArguments } from './curl-arguments.ts'
import { herePlace, type Place, stateFolder } from './folders.ts'
import { findHeld } from './held.ts'
import { ensurePrivateFolder, orNotStored } from './private-files.ts'

/**
 * `sallyport curl`: the system's curl, with the handle. It gets that in its configuration, by stdin: on its command line
 * every user of the machine could read it. Ours comes last, as curl goes by the last word; the person's own configuration
 * file is left out: what stands there is not looked through.
 */
export async function curl(args: readonly string[], terminal: Terminal): Promise<number> {
  const { given, others } = splitOwn(args)
  const place = herePlace(terminal.env)
  const held = await findHeld(given, place, Date.now())
  const { args: read, readsStdin, isVerbose } = readCurlArguments(others, held.gateway)
  const config = describeRequest(held.gateway, held.handle)
  const stderr = isVerbose ? 'pipe' : 'inherit'

  if (!readsStdin) {
    return runChild(['curl', '-q', ...read, '--config', '-'], { stdio: ['pipe', 'inherit', stderr] }, child => {
      child.stdin?.on('error', () => {})
      child.stdin?.end(config)
      passMasked(child.stderr, held.handle)
    })
  }
  if (place.platform === 'win32') throw new UsageError('curl cannot read stdin here, where it gets the handle: give it a file')
  const descriptor = orNotStored(stateFolder(place), () => openUnnamed(place, config))
  try {
    const stdio = ['inherit', 'inherit', stderr, descriptor] as const
    return await runChild(['curl', '-q', ...read, '--config', '/dev/fd/3'], { stdio: [...stdio] }, child =>
      passMasked(child.stderr, held.handle),
    )
  } finally {
    closeSync(descriptor)
  }
}

/** Lines of curl's configuration; neither text holds a quote or a backslash. */
function describeRequest(gateway: string, handle: string): string {
  const lines = [`header = "Authorization: Bearer ${handle}"`]
  // In clear only to this machine itself, so not by a proxy; and nowhere else by a redirect.
  lines.push(gateway.startsWith('https:') ? 'proto-redir = "=https"' : 'noproxy = "*"')
  return `${lines.join('\n')}\n`
}

/** A file that has no name any more: only who has it open can read it. */
function openUnnamed(place: Place, text: string): number {
  const folder = stateFolder(place)
  ensurePrivateFolder(folder)
  const file = join(folder, randomBytes(12).toString('hex'))
  const descriptor = openSync(file, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o600)
  rmSync(file)
  // At a place, so that reading begins at the start: on macOS /dev/fd shares the position.
  writeSync(descriptor, text, 0)
  return descriptor
}

/** `curl -v` prints what it sends. */
function passMasked(lines: NodeJS.ReadableStream | null, handle: string): void {
  if (lines === null) return
  createInterface({ input: lines }).on('line', line => process.stderr.write(`${line.replaceAll(handle, '[the handle]')}\n`))
}

/** Our own options stand before all of curl's, which has neither. */
function splitOwn(args: readonly string[]) {
  const given: { gateway?: string; profile?: string } = {}
  const rest = [...args]
  for (;;) {
    const [, name, inline] = /^--(gateway|profile)(?:=(.*))?$/s.exec(rest[0] ?? '') ?? []
    if (name !== 'gateway' && name !== 'profile') break
    rest.shift()
    const value = inline ?? rest.shift()
    if (value === undefined) throw new UsageError(`--${name} needs a value`)
    given[name] = value
  }
  return { given, others: rest[0] === '--' ? rest.slice(1) : rest }
}
