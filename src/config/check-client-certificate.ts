import type { Report } from './checks.ts'
import { keyPairProblem, validityProblem } from './key-pair.ts'
import { type ConfigPath, formatPath } from './mistakes.ts'

/** Checks a certificate that we show to somebody: whole, with its own key, and good today. */
export function checkClientCertificate(
  { cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined },
  path: ConfigPath,
  now: number,
  report: Report,
): void {
  if ((cert === undefined) !== (key === undefined))
    report(path, `needs ${cert === undefined ? 'cert' : 'key'}: { file: path } beside ${cert === undefined ? 'key' : 'cert'}`)
  if (cert !== undefined && key !== undefined) {
    const problem = keyPairProblem({ cert, key }, formatPath([...path, 'cert']))
    if (problem !== null) report([...path, 'key'], problem)
  }
  const invalid = cert === undefined ? null : validityProblem(cert, now)
  if (invalid !== null) report([...path, 'cert'], invalid)
}
