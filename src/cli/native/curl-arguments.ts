import { UsageError } from '../terminal.ts'

/** A command line of curl's that was read and found to go to the gateway only. */
export interface CurlArguments {
  /** As given, but for paths, which have become addresses. */
  readonly args: readonly string[]
  /** Whether curl itself is to read stdin. */
  readonly readsStdin: boolean
  /** Whether it would print the request's headers, the handle among them. */
  readonly isVerbose: boolean
}

const flags = words(`
  compressed create-dirs fail fail-early fail-with-body get globoff head http1.0 http1.1 http2 http2-prior-knowledge http3
  include ipv4 ipv6 location no-buffer no-clobber no-keepalive no-progress-meter no-styled-output parallel path-as-is post301
  post302 post303 progress-bar raw remote-header-name remote-name remote-name-all remote-time remove-on-error
  retry-all-errors retry-connrefused show-error silent tcp-nodelay tlsv1.2 tlsv1.3 tr-encoding verbose`)

const values = words(`
  cacert capath cert cert-type connect-timeout continue-at cookie cookie-jar data data-ascii data-binary data-raw
  data-urlencode dump-header etag-compare etag-save form form-string header interface json keepalive-time key key-type
  limit-rate max-filesize max-redirs max-time noproxy output output-dir parallel-max pass proxy proxy-cacert proxy-header
  proxy-user range referer request retry retry-delay retry-max-time speed-limit speed-time time-cond tls-max upload-file
  url-query user-agent write-out`)

const shortFlags = new Set('46GIJLNORSZfgijs#v0')
const shortValues = new Set('ACDEFHTUXYbcdemorwxyz')

/**
 * Reads a command line of curl's as curl does. The handle goes to every address on it, so each of them must be the
 * gateway's; and because an option unknown to us could take an address for its value, only known ones pass. Not among
 * them are those by which the handle could end up elsewhere: `--location-trusted`, `--insecure`, `--config`, `--next`,
 * `--connect-to`, `--resolve`, `--trace`, `--libcurl`.
 *
 * @param origin the gateway's
 * @throws {UsageError}
 */
export function readCurlArguments(args: readonly string[], origin: string): CurlArguments {
  const read: string[] = []
  let [readsStdin, isVerbose, addresses, isOver] = [false, false, 0, false]
  const rest = [...args]

  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (isOver || !arg.startsWith('-')) addAddress(arg)
    else if (arg === '--') isOver = true
    else if (arg.startsWith('--')) readLong(arg)
    else readShort(arg)
  }
  if (addresses === 0) throw new UsageError('what is to be fetched? Give a path such as /api/orders, and curl’s options with it')
  return { args: read, readsStdin, isVerbose }

  function readLong(arg: string): void {
    const name = arg.slice(2)
    if (name === 'url') addAddress(takeValue(arg))
    else if (flags.has(name)) {
      isVerbose ||= name === 'verbose'
      read.push(arg)
    } else if (values.has(name)) addValue(arg, takeValue(arg))
    else throw unknown(arg)
  }

  /** `-sSXPOST` is `-s -S -X POST`. */
  function readShort(arg: string): void {
    for (let at = 1; at < arg.length; at += 1) {
      const letter = arg.charAt(at)
      if (shortValues.has(letter)) {
        addValue(`-${letter}`, at + 1 < arg.length ? arg.slice(at + 1) : takeValue(`-${letter}`))
        return
      }
      if (!shortFlags.has(letter)) throw unknown(`-${letter}`)
      isVerbose ||= letter === 'v'
      read.push(`-${letter}`)
    }
    if (arg === '-') throw new UsageError('- is no address')
  }

  function takeValue(option: string): string {
    const value = rest.shift()
    if (value === undefined) throw new UsageError(`curl's ${option} needs a value`)
    return value
  }

  function addValue(option: string, value: string): void {
    readsStdin ||= /(^|[@<=])-(;|$)/.test(value) || (/^(-T|--upload-file)$/.test(option) && value === '.')
    read.push(option, value)
  }

  /** Compared as text: curl's reading of an address is not ours, but both end the origin at the first slash or question mark. */
  function addAddress(text: string): void {
    addresses += 1
    const address = text.startsWith('/') ? origin + text : text
    if (address !== origin && !address.startsWith(`${origin}/`) && !address.startsWith(`${origin}?`))
      throw new UsageError(`the handle is for ${origin} alone: give a path, or an address that begins with it`)
    read.push('--url', address)
  }
}

function unknown(option: string): UsageError {
  return new UsageError(`curl's ${option} is not allowed here, or not known: the handle could go elsewhere by it`)
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/))
}
