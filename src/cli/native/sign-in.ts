import type { Readable } from 'node:stream'
import { printable } from '../../config/mistakes.ts'
import { CommandError, exitCode } from '../terminal.ts'
import { type AuthorizationAttempt, beginAuthorization, beginElsewhere, isOurs, redeem } from './authorization.ts'
import type { AuthorizationServer } from './authorization-server.ts'
import { beginDevice, type Clock, type DeviceAttempt, pollDevice } from './device-flow.ts'
import type { Ending } from './finish-page.ts'
import { abortable } from './interrupts.ts'
import { type Loopback, listenOnLoopback } from './loopback.ts'
import { waitForPaste } from './pasted.ts'
import { type Issued, revokeHandle } from './token-call.ts'

export interface SignInDeps {
  readonly server: AuthorizationServer
  readonly gateway: string
  readonly scope: string | undefined
  /** 0: any free port. */
  readonly port: number
  /** Whether codes for other devices are the only way. */
  readonly isDeviceOnly: boolean
  /** Why the browser is elsewhere; null when it is here. */
  readonly noBrowserBecause: string | null
  /** The person's keyboard; null where there is none. */
  readonly input: Readable | null
  readonly openBrowser: (url: string) => Promise<boolean>
  /** Shows the person what to do. */
  readonly say: (lines: string) => void
  readonly clock: Clock
  readonly signal: AbortSignal
}

export interface SignedIn {
  readonly issued: Issued
  /** Tells the browser how it ended, where it is still connected. */
  finish(ending: Ending): Promise<void>
}

/**
 * Signs a person in by whatever succeeds first: the browser of this machine, which brings the answer to a port of ours;
 * the address that a browser elsewhere ended at, pasted here; a code typed on any other device.
 *
 * @throws {CommandError} 3 when the person denied, 5 when the time ran out, 6, 8; the signal's reason
 */
export async function signIn(deps: SignInDeps): Promise<SignedIn> {
  let attempt: AuthorizationAttempt | null = null
  const fits = (params: URLSearchParams) => attempt !== null && isOurs(attempt, params)
  const loopback = deps.isDeviceOnly ? null : await listen(deps, fits)
  const settled = new AbortController()
  const stop = AbortSignal.any([deps.signal, settled.signal])
  let hasAnswered = false

  try {
    const device = await beginDeviceWhereOffered(deps, loopback === null)
    if (loopback !== null) {
      const wish = { redirectUri: loopback.redirectUri, scope: deps.scope, signal: deps.signal }
      attempt = await (deps.noBrowserBecause === null
        ? beginAuthorization(deps.server, { ...wish, isPosted: deps.server.hasFormPost })
        : beginElsewhere(deps.server, wish))
    }
    deps.say(instructions(deps, attempt, loopback, device))
    const ways: Promise<Issued>[] = []
    if (attempt !== null && loopback !== null) ways.push(codeWay(attempt, loopback))
    if (device !== null) ways.push(pollDevice(deps.server, device, deps.clock, { settled: stop, cancelled: deps.signal }))
    const issued = await firstOf(ways)
    settled.abort(new CommandError('another way was faster', exitCode.other))
    await revokeOthers(deps.server, ways, issued)
    return { issued, finish: ending => (hasAnswered ? loopback?.finish(ending) : loopback?.close()) ?? Promise.resolve() }
  } catch (error) {
    settled.abort(error)
    await (hasAnswered ? loopback?.finish(endingOf(error)) : loopback?.close())
    throw error
  }

  async function codeWay(begun: AuthorizationAttempt, { redirectUri, answer }: Loopback): Promise<Issued> {
    const arrived = answer.then(params => {
      hasAnswered = true
      return params
    })
    const { input } = deps
    const canPaste = input !== null && deps.noBrowserBecause !== null && !begun.isPosted
    const pasted = canPaste ? [waitForPaste({ input, redirectUri, isOurs: fits, remark: deps.say, signal: stop })] : []
    if (deps.noBrowserBecause === null) void openBrowserOrSay(deps, begun.url)
    const params = await abortable(Promise.race([arrived, ...pasted]), stop)
    return redeem(deps.server, begun, params, deps.signal)
  }
}

async function openBrowserOrSay({ openBrowser, say }: SignInDeps, url: string): Promise<void> {
  if (!(await openBrowser(url))) say('No browser could be opened: open the address above yourself.')
}

/** @param mustBeOffered whether it is the only way */
async function beginDeviceWhereOffered(deps: SignInDeps, mustBeOffered: boolean): Promise<DeviceAttempt | null> {
  const { server, scope, clock, signal } = deps
  if (server.deviceEndpoint === null && !mustBeOffered) return null
  try {
    return await beginDevice(server, { scope, now: clock.now(), signal })
  } catch (error) {
    // A gateway may offer it to other clients alone; what else is wrong the other way will find out.
    if (mustBeOffered || signal.aborted) throw error
    return null
  }
}

async function listen(deps: SignInDeps, fits: (params: URLSearchParams) => boolean): Promise<Loopback | null> {
  try {
    return await listenOnLoopback({ gateway: deps.gateway, port: deps.port, isOurs: fits })
  } catch (error) {
    // A port that was asked for matters to somebody, such as a tunnel's other end.
    if (deps.port !== 0 || deps.server.deviceEndpoint === null) throw error
    return null
  }
}

/** The first that succeeds. A code that ran out leaves the other way open; a person who said no does not. */
function firstOf(ways: readonly Promise<Issued>[]): Promise<Issued> {
  let left = ways.length
  return new Promise((resolve, reject) => {
    for (const way of ways) {
      way.then(resolve, error => {
        left -= 1
        const isFinal = !(error instanceof CommandError) || error.exitCode !== exitCode.timedOut
        if (left === 0 || isFinal) reject(error)
      })
    }
  })
}

/** Two ways can succeed in the same second; the session that nobody will use ends at once. */
async function revokeOthers(server: AuthorizationServer, ways: readonly Promise<Issued>[], kept: Issued): Promise<void> {
  for (const result of await Promise.allSettled(ways)) {
    if (result.status === 'fulfilled' && result.value !== kept) await revokeHandle(server, result.value.handle).catch(() => {})
  }
}

function endingOf(error: unknown): Ending {
  return error instanceof CommandError && error.exitCode === exitCode.denied ? 'denied' : 'failed'
}

function instructions(
  deps: SignInDeps,
  attempt: AuthorizationAttempt | null,
  loopback: Loopback | null,
  device: DeviceAttempt | null,
): string {
  const code = device === null ? null : `Open ${printable(device.verificationUri)} on any device and enter ${printable(device.userCode)}`
  if (attempt === null || loopback === null) return `${code}`
  const matching = `  It must show the letters ${attempt.matchingCode}, else say no there.`
  if (deps.noBrowserBecause === null) {
    const other = code === null ? 'cancel, and run it with --no-browser' : code
    return [`Opening ${attempt.url} in your browser`, matching, `  No browser here? ${other}`].join('\n')
  }
  const forwarded = `ssh -L ${loopback.port}:127.0.0.1:${loopback.port} and this machine's name`
  if (attempt.isPosted) {
    return [
      `This is ${deps.noBrowserBecause}: your browser may be elsewhere, and the gateway gives this program no address to paste.`,
      ...(code === null ? [] : [`  ${code}`]),
      `  ${code === null ? 'Forward' : 'Or forward'} the port (${forwarded}), and then open ${attempt.url}`,
      matching,
    ].join('\n')
  }
  return [
    `This is ${deps.noBrowserBecause}: your browser may be elsewhere.`,
    ...(code === null ? [] : [`  ${code}`]),
    `  ${code === null ? 'Open' : 'Or open'} ${attempt.url}`,
    matching,
    ...(deps.input === null ? [] : ['  Then paste here the address that it ends at, even where that page cannot be shown:']),
    `  (or forward the port: ${forwarded})`,
  ].join('\n')
}
