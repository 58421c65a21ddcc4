import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { durationForm, parseDuration } from '../../config/durations.ts'
import { CommandError, exitCode, type Terminal, UsageError } from '../terminal.ts'
import { discover } from './authorization-server.ts'
import { callProgram, callProgramUntil } from './call-program.ts'
import { choosePlace, lockNameOf, openPlace, type StoreKind } from './credential-store.ts'
import { systemClock } from './device-flow.ts'
import { herePlace, stateFolder } from './folders.ts'
import { withInterrupts } from './interrupts.ts'
import { withJsonErrors } from './json-answer.ts'
import { keepSignIn } from './keep-sign-in.ts'
import { openBrowser } from './open-browser.ts'
import { beginLater, finishLater } from './pending-login.ts'
import { chooseGateway, gatewayOptions, requireScopes } from './profiles.ts'
import { reportKept, reportOther } from './report-sign-in.ts'
import { signIn } from './sign-in.ts'
import { lookAround, whyNoBrowser } from './surroundings.ts'
import { waitForTurn } from './wait-for-turn.ts'

const options = {
  ...gatewayOptions,
  scope: { type: 'string' },
  device: { type: 'boolean', default: false },
  'no-browser': { type: 'boolean', default: false },
  port: { type: 'string' },
  store: { type: 'string' },
  timeout: { type: 'string', default: '10m' },
  'no-wait': { type: 'boolean', default: false },
  resume: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** `sallyport login`: signs in, and keeps the handle. */
export async function login(args: readonly string[], terminal: Terminal): Promise<number> {
  return withJsonErrors(args, terminal, async () => {
    const { values } = parseArgs({ args: [...args], options })
    const [port, store, timeoutMs] = [readPort(values.port), readStore(values.store), readTimeout(values.timeout)]
    requireScopes(values.scope)
    if (values.resume !== undefined) requireNothingBut(values)
    const place = herePlace(terminal.env)

    return withInterrupts(async interrupted => {
      const signal = AbortSignal.any([interrupted, timeoutOf(timeoutMs)])
      if (values.resume !== undefined) return finishLater(values.resume, { place, terminal, json: values.json, lifeMs: timeoutMs, signal })
      const chosen = chooseGateway(values, place)
      if ((terminal.env.SALLYPORT_TOKEN ?? '') !== '')
        terminal.remark('SALLYPORT_TOKEN is set: other commands use it, and not what this sign-in gives, until it is unset.')
      const open = (kind: StoreKind) => openPlace(kind, place, callProgramUntil(signal))
      const { kind } = await choosePlace(store ?? chosen.store ?? undefined, open, terminal.remark)
      // Once there is something to keep, Ctrl-C comes too late: it is stored, or revoked.
      const secrets = openPlace(kind, place, callProgram)
      if (values['no-wait'])
        return beginLater({
          chosen,
          store: kind,
          scope: values.scope,
          isDeviceOnly: values.device,
          place,
          terminal,
          json: values.json,
          signal,
        })

      const lock = await waitForTurn(join(stateFolder(place), lockNameOf(chosen)), { chosen, place, terminal, lifeMs: timeoutMs, signal })
      if (lock === null) return reportOther(chosen, place, terminal, values.json)
      try {
        const server = await discover(chosen.gateway, signal)
        const around = lookAround(terminal.env)
        const signedIn = await signIn({
          server,
          gateway: chosen.gateway,
          scope: values.scope,
          port,
          isDeviceOnly: values.device,
          noBrowserBecause: values['no-browser'] ? 'a sign-in without this machine’s browser' : whyNoBrowser(around),
          input: process.stdin.isTTY ? process.stdin : null,
          openBrowser: url => openBrowser(around, url),
          say(lines) {
            terminal.remark(lines)
            lock.tell(lines)
          },
          clock: systemClock,
          signal,
        })
        try {
          const kept = await keepSignIn(signedIn.issued, { server, chosen, place, secrets, now: Date.now })
          reportKept(kept, chosen, secrets, terminal, values.json)
        } catch (error) {
          await signedIn.finish('failed')
          throw error
        }
        await signedIn.finish('signed_in')
        return exitCode.ok
      } finally {
        lock.release()
      }
    })
  })
}

/** What a sign-in is for was decided when it began. */
function requireNothingBut(values: { readonly [Name in keyof typeof options]?: string | boolean }): void {
  if (values['no-wait']) throw new UsageError('--no-wait begins a sign-in, and --resume ends it: give one of them')
  const given = (['gateway', 'profile', 'scope', 'store', 'port', 'device', 'no-browser'] as const).find(name => values[name])
  if (given !== undefined) throw new UsageError(`--${given} is for the sign-in that --no-wait begins: leave it out`)
}

function timeoutOf(ms: number): AbortSignal {
  const controller = new AbortController()
  const error = new CommandError('nobody signed in in time: run it again', exitCode.timedOut)
  setTimeout(() => controller.abort(error), ms).unref()
  return controller.signal
}

function readTimeout(text: string): number {
  const ms = durationForm.test(text) ? parseDuration(text) : 0
  if (ms < 1000 || ms > 3_600_000) throw new UsageError('--timeout is a duration from 1s to 1h, such as 5m')
  return ms
}

function readPort(text: string | undefined): number {
  if (text === undefined) return 0
  if (!/^[1-9]\d{3,4}$/.test(text) || Number(text) > 65_535 || Number(text) < 1024)
    throw new UsageError('--port is a number from 1024 to 65535')
  return Number(text)
}

function readStore(text: string | undefined): StoreKind | undefined {
  if (text === undefined || text === 'keychain' || text === 'file') return text
  throw new UsageError('--store is keychain or file')
}
