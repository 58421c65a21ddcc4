import type { Mistake } from './mistakes.ts'

/**
 * Checks that the process was not started with a switch that takes a safety away behind the configuration's back.
 *
 * @param execArgv the options that Node itself was started with
 */
export function checkProcess(env: NodeJS.ProcessEnv, execArgv: readonly string[]): readonly Mistake[] {
  const mistakes: Mistake[] = []
  if (env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    mistakes.push({
      path: [],
      message: 'NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of certificates: unset it, and name a private authority in tls.ca',
    })
  }
  const options = [...execArgv, ...(env.NODE_OPTIONS ?? '').split(/\s+/)].map(option =>
    option.replaceAll(/^["']|["']$/g, '').replaceAll('_', '-'),
  )
  if (options.includes('--insecure-http-parser')) {
    mistakes.push({ path: [], message: '--insecure-http-parser lets requests be read in two ways: start Node without it' })
  }
  return mistakes
}
