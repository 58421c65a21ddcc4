import { readFileSync } from 'node:fs'

/** Of the package; the same file lies above `src` and `dist`. */
export const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { readonly version: string }
