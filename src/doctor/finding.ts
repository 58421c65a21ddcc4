/** One thing that was looked at. */
export interface Finding {
  /** What was looked at: `provider main`, `store`, `upstream http://orders:8080`. */
  readonly what: string
  /** `problem`: the gateway cannot do its work so. `warning`: it can, and somebody should know. */
  readonly state: 'ok' | 'warning' | 'problem'
  /** What was seen, and what to do about it. */
  readonly message: string
}

export const ok = (what: string, message: string): Finding => ({ what, state: 'ok', message })
export const warning = (what: string, message: string): Finding => ({ what, state: 'warning', message })
export const problem = (what: string, message: string): Finding => ({ what, state: 'problem', message })
