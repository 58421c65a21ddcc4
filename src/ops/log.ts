import pino, { type DestinationStream } from 'pino'
import { GatewayError } from '../errors.ts'
import { type LogFields, logFieldNames } from './fields.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Writes structured log lines of known fields only. Never throws, never waits. */
export interface Log {
  /** @param event a stable snake_case name of what happened */
  write(level: LogLevel, event: string, fields?: LogFields): void
  /** Whether lines of the level are written: asked where making one costs something. */
  isOn(level: LogLevel): boolean
}

export interface LogOptions {
  readonly level: string
  readonly destination: DestinationStream
  readonly now: () => number
  /** Whose lines they are, where those of several gateways come together. */
  readonly service: string
}

/** Creates the program's log: one JSON object a line; the time in UTC. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      level: options.level,
      base: { service: options.service },
      messageKey: 'event',
      timestamp: () => `,"time":"${new Date(options.now()).toISOString()}"`,
      formatters: { level: label => ({ level: label }) },
    },
    options.destination,
  )
  return {
    write(level, event, fields = {}) {
      if (logger.isLevelEnabled(level)) logger[level](pickKnown(fields), event)
    },
    isOn: level => logger.isLevelEnabled(level),
  }
}

export interface Output extends DestinationStream {
  /** Opens the file anew under its name: whoever rotates it has moved it away. What stood in no line yet follows there. */
  reopen(): void
  /** Writes what waits, and lets go of the file. */
  end(): void
}

// About a minute of lines at 1000 requests a second. Beyond, lines are lost rather than memory.
const mostWaitingBytes = 16 * 1024 * 1024

/**
 * Opens what lines are written to: at once, but nobody waits for the disk or the terminal. A file that cannot be
 * opened is an uncaught error, which stops the start; writing that fails later, on a full disk, stops nothing.
 *
 * @param onFailure told once when writing begins to fail; after the next line that is written it may be told again
 */
export function openOutput(output: 'stdout' | { readonly file: string }, onFailure: (error: Error) => void = () => {}): Output {
  const where = output === 'stdout' ? { dest: 1 } : { dest: output.file, mkdir: true }
  const stream = pino.destination({ ...where, sync: false, maxLength: mostWaitingBytes })
  const { flushSync } = stream
  let isFailing = false
  stream.on('write', () => {
    isFailing = false
  })
  stream.once('ready', () =>
    stream.on('error', error => {
      if (isFailing) return
      isFailing = true
      onFailure(error)
    }),
  )
  // At the exit it is called, and tries until it succeeds: a full disk would keep the program from ending.
  stream.flushSync = () => {
    if (!isFailing) flushSync.call(stream)
  }
  return stream
}

/** Only fields of the list, their texts cleaned: what is not on it has no way into the log (LOG-03). */
export function pickKnown(fields: LogFields): LogFields {
  const known: Record<string, unknown> = {}
  for (const name in fields) {
    const value: unknown = fields[name as keyof LogFields]
    if (value === undefined || !Object.hasOwn(logFieldNames, name)) continue
    known[name] = typeof value === 'string' ? cleanText(value) : value
  }
  return known
}

// JSON escapes quotes and line breaks. These it does not: C1 controls and the marks that turn text around
// on a terminal (LOG-04).
const deceptive = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu
const longestText = 512

function cleanText(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text
  return short.replace(deceptive, mark => `\\u${mark.codePointAt(0)?.toString(16).padStart(4, '0')}`)
}

/**
 * What may be said of an error. Our own messages name things and never their values; of anything else only
 * the class, the code and where it was thrown: other people's messages quote what they choked on (LOG-07).
 */
export function describeFailure(error: unknown): Pick<LogFields, 'error' | 'cause'> {
  const cause = error instanceof Error && error.cause !== undefined ? { cause: describeOne(error.cause) } : {}
  return { error: describeOne(error), ...cause }
}

function describeOne(error: unknown): string {
  if (error instanceof GatewayError) return `${error.code}: ${error.message}`
  if (!(error instanceof Error)) return typeof error
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : ''
  const frames = (error.stack ?? '')
    .split('\n')
    .filter(line => line.startsWith('    at '))
    .slice(0, 3)
  return `${error.name}${code}${frames.map(frame => ` ${frame.trim()}`).join('')}`
}
