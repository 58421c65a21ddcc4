import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { printable } from '../../config/mistakes.ts'
import { isoTime } from '../../http/iso-time.ts'
import { CommandError, exitCode, printJson, type Terminal, UsageError } from '../terminal.ts'
import { type AuthorizationAttempt, beginElsewhere, isOurs, redeem } from './authorization.ts'
import { type AuthorizationServer, discover } from './authorization-server.ts'
import { callProgram } from './call-program.ts'
import { openPlace, type StoreKind } from './credential-store.ts'
import { beginDevice, type DeviceAttempt, pollDevice, systemClock } from './device-flow.ts'
import { type Place, stateFolder } from './folders.ts'
import { abortable } from './interrupts.ts'
import { keepSignIn } from './keep-sign-in.ts'
import { listenOnLoopback } from './loopback.ts'
import { readPasted } from './pasted.ts'
import { orNotStored, readPrivate, removePrivate, writePrivate } from './private-files.ts'
import type { Chosen } from './profiles.ts'
import { reportKept, reportOther } from './report-sign-in.ts'
import { type Issued, OAuthError } from './token-call.ts'
import { waitForTurn } from './wait-for-turn.ts'

/** A sign-in that one process began and another will end. Holds secrets: its file is this user's alone. */
interface PendingLogin {
  readonly chosen: Chosen
  readonly store: StoreKind
  /** Epoch milliseconds. */
  readonly until: number
  readonly device: DeviceAttempt | null
  readonly attempt: AuthorizationAttempt | null
}

export interface LaterDeps {
  readonly place: Place
  readonly terminal: Terminal
  readonly json: boolean
  readonly signal: AbortSignal
}

// As long as a pushed request and the person's way through it may take.
const attemptLifeMs = 300_000
const idForm = /^[0-9a-f]{16}$/

/**
 * The first half of a sign-in, for a program that cannot wait with a person at hand: says what the person has to do, and
 * by which name `finishLater` goes on.
 */
export async function beginLater(
  deps: LaterDeps & {
    readonly chosen: Chosen
    readonly store: StoreKind
    readonly scope: string | undefined
    readonly isDeviceOnly: boolean
  },
): Promise<number> {
  const { chosen, store, scope, isDeviceOnly, place, terminal, json, signal } = deps
  orNotStored(folderOf(place), () => forgetOld(place))
  const server = await discover(chosen.gateway, signal)
  const now = Date.now()
  const device = await beginDeviceWhereGiven(server, { scope, now, signal }, isDeviceOnly)
  const attempt = device === null ? await beginUnheard(server, chosen, scope, signal) : null
  const until = device?.expiresAt ?? now + attemptLifeMs
  const id = randomBytes(8).toString('hex')
  const pending: PendingLogin = { chosen, store, until, device, attempt }
  orNotStored(folderOf(place), () => writePrivate(fileOf(place, id), JSON.stringify(pending)))

  const next = `sallyport login --resume ${id}`
  const ask = { verification_uri: device?.verificationUri ?? attempt?.url, ...(device === null ? {} : { user_code: device.userCode }) }
  if (json) printJson(terminal, { status: 'action_required', ...ask, expires_at: isoTime(until), login_id: id, next })
  else if (device !== null)
    terminal.print(`Open ${printable(device.verificationUri)} and enter ${printable(device.userCode)}\nThen: ${next}`)
  else terminal.print(`Open ${ask.verification_uri}\nThen give the address that it ends at, on stdin, to: ${next}`)
  return exitCode.ok
}

/**
 * The second half: waits for the person, or reads from stdin the address that the browser ended at. A second one beside it,
 * as of a program that did not wait for the first one's end, takes what came of that.
 */
export async function finishLater(id: string, deps: LaterDeps & { readonly lifeMs: number }): Promise<number> {
  const { place, terminal, json } = deps
  const { chosen } = requirePending(place, id)
  const lock = await waitForTurn(join(stateFolder(place), `resume-${id}.lock`), { ...deps, chosen })
  if (lock === null) return reportOther(chosen, place, terminal, json)
  try {
    return await finish(id, requirePending(place, id), deps)
  } finally {
    lock.release()
  }
}

async function finish(id: string, pending: PendingLogin, { place, terminal, json, signal }: LaterDeps): Promise<number> {
  const { chosen, store } = pending
  const server = await discover(chosen.gateway, signal)
  const issued = await obtain(server, pending, signal).catch(error => {
    // Refused for good; what merely took too long can be resumed once more.
    if (!signal.aborted && !(error instanceof UsageError)) removePrivate(fileOf(place, id))
    throw error
  })
  removePrivate(fileOf(place, id))
  const secrets = openPlace(store, place, callProgram)
  reportKept(await keepSignIn(issued, { server, chosen, place, secrets, now: Date.now }), chosen, secrets, terminal, json)
  return exitCode.ok
}

/** @throws {UsageError} when there is none; {CommandError} 5 when its time is over */
function requirePending(place: Place, id: string): PendingLogin {
  const pending = readPending(place, id)
  if (pending === null)
    throw new UsageError(`there is no sign-in ${idForm.test(id) ? id : 'of this name'} under way: begin one with sallyport login --no-wait`)
  if (pending.until > Date.now()) return pending
  removePrivate(fileOf(place, id))
  throw new CommandError('the time for this sign-in is over: begin again with sallyport login --no-wait', exitCode.timedOut)
}

async function obtain(server: AuthorizationServer, { device, attempt }: PendingLogin, signal: AbortSignal): Promise<Issued> {
  if (device !== null) return pollDevice(server, device, systemClock, { settled: signal, cancelled: signal })
  if (attempt === null) throw new UsageError('this sign-in is not one that can be resumed')
  const [line] = await abortable(createInterface({ input: process.stdin, terminal: false })[Symbol.asyncIterator]().next(), signal).then(
    ({ value }) => [String(value ?? '')],
  )
  const params = readPasted(line ?? '', attempt.redirectUri)
  if (params === null || !isOurs(attempt, params))
    throw new UsageError(`on stdin, give the address that the browser ended at: it begins with ${attempt.redirectUri}?`)
  return redeem(server, attempt, params, signal)
}

/** @param mustBeGiven whether it is the only way. @returns null where this program can have none */
async function beginDeviceWhereGiven(
  server: AuthorizationServer,
  wish: Parameters<typeof beginDevice>[1],
  mustBeGiven: boolean,
): Promise<DeviceAttempt | null> {
  if (server.deviceEndpoint === null && !mustBeGiven) return null
  try {
    return await beginDevice(server, wish)
  } catch (error) {
    // A gateway may give codes to other clients alone.
    if (mustBeGiven || !(error instanceof OAuthError) || error.error !== 'unauthorized_client') throw error
    return null
  }
}

/** For an answer that is read off the address bar: the port is a free one, and nothing listens on it any more. */
async function beginUnheard(
  server: AuthorizationServer,
  { gateway }: Chosen,
  scope: string | undefined,
  signal: AbortSignal,
): Promise<AuthorizationAttempt> {
  const loopback = await listenOnLoopback({ gateway, port: 0, isOurs: () => false })
  await loopback.close()
  const attempt = await beginElsewhere(server, { redirectUri: loopback.redirectUri, scope, signal })
  if (!attempt.isPosted) return attempt
  const why = `${server.issuer} gives this program neither codes for other devices nor an address to paste`
  throw new CommandError(`${why}: run sallyport login, without --no-wait, where your browser is`, exitCode.denied)
}

/** @returns null for what is none of ours, or not whole. @throws {CommandError} 7 */
function readPending(place: Place, id: string): PendingLogin | null {
  if (!idForm.test(id)) return null
  const text = orNotStored(folderOf(place), () => readPrivate(fileOf(place, id)))
  try {
    const pending = JSON.parse(text ?? 'null') as PendingLogin | null
    return typeof pending?.until === 'number' ? pending : null
  } catch {
    return null
  }
}

/** Sign-ins that nobody came back to hold codes, if dead ones. */
function forgetOld(place: Place): void {
  mkdirSync(folderOf(place), { recursive: true, mode: 0o700 })
  for (const id of readdirSync(folderOf(place)).filter(name => idForm.test(name))) {
    const pending = readPending(place, id)
    if (pending === null || pending.until <= Date.now()) removePrivate(fileOf(place, id))
  }
}

function folderOf(place: Place): string {
  return join(stateFolder(place), 'pending')
}

function fileOf(place: Place, id: string): string {
  return join(folderOf(place), id)
}
