import { constants } from 'node:os'
import { CommandError } from '../terminal.ts'

/** Ctrl-C, the end of the terminal, and what a supervisor sends. */
const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Does work that must clean up after itself: a signal aborts it instead of ending the process, and the reason is an
 * error with the shell's exit code for that signal (130 for Ctrl-C).
 */
export async function withInterrupts<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
  const controller = new AbortController()
  const listeners = signals.map(name => {
    const listener = () => controller.abort(new CommandError('cancelled', 128 + constants.signals[name]))
    process.on(name, listener)
    return () => process.off(name, listener)
  })
  try {
    return await work(controller.signal)
  } finally {
    for (const stop of listeners) stop()
  }
}

/** A promise that a signal can end. @throws the signal's reason */
export function abortable<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason)
    if (signal.aborted) return stop()
    signal.addEventListener('abort', stop, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
  })
}
