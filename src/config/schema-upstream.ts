import { z } from 'zod'
import { originProblem } from './hosts.ts'
import { certificates, distinct, judgedText, secret, text } from './schema-values.ts'

/** Bytes of a path that the system takes for a socket (sun_path, with the NUL at its end). */
const longestSocketPath = 107

const address = () =>
  judgedText(value => {
    if (!value.startsWith('unix:')) return originProblem(value)
    const path = value.slice('unix:'.length)
    if (!path.startsWith('/') || path.endsWith('/'))
      return 'must be the absolute path of a socket after unix:, such as unix:/run/orders.sock'
    return Buffer.byteLength(path) > longestSocketPath
      ? `must name a path of at most ${longestSocketPath} bytes: the system takes no longer ones for a socket`
      : null
  })

const addresses = () => distinct(address()).min(1).max(64)

const serverName = () =>
  judgedText(value =>
    /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(value) && !/(^|\.)\d+$/.test(value) ? null : 'must be a host name in lower case',
  )

/** A file in the folder: what is served for it can also be asked for by its own path. */
const fallback = () =>
  judgedText(value => {
    const isInside = !/[\\/]$|\\|^\//.test(value) && value.split('/').every(segment => segment !== '' && !segment.startsWith('.'))
    return isInside ? null : 'must be a file in the folder, relative to it, such as index.html'
  })

const tls = () =>
  z
    .strictObject({
      ca: certificates()
        .optional()
        .describe("PEM of the certificate authorities believed for this upstream, in place of the system's. Without it: the system's."),
      cert: certificates()
        .optional()
        .describe('PEM of our certificate, and those that vouch for it, for an upstream that asks for one. Required with tls.key.'),
      key: secret().optional().describe('PEM of its private key, no passphrase; only as { env } or { file }. Required with tls.cert.'),
      serverName: serverName()
        .optional()
        .describe('Name to ask for (SNI) and to find in the certificate. Without it: the host of each address.'),
    })
    .refine(options => Object.keys(options).length > 0, { error: 'must have ca, cert and key, or serverName' })

const map = () =>
  z
    .strictObject({
      url: z
        .union([address(), addresses()], { error: 'must be an address or a list of addresses' })
        .transform(given => (Array.isArray(given) ? given : [given]))
        .optional()
        .describe('Address or list of addresses, as upstream itself may be. Required, unless static is there.'),
      tls: tls()
        .optional()
        .describe("TLS towards https addresses. Without it: the system's certificate authorities, and no certificate of ours."),
      static: text().optional().describe('Folder whose files are served, relative to this file. Required, unless url is there.'),
      fallback: fallback()
        .optional()
        .describe('File in the folder that page loads get when there is no file at their path, such as index.html. Without it: 404.'),
    })
    .superRefine((options, context) => {
      const report = (message: string, ...path: string[]) => context.addIssue({ code: 'custom', path, message })
      if (options.url === undefined && options.static === undefined) report('must have url, or static')
      if (options.url !== undefined && options.static !== undefined)
        report('cannot stand beside url: a route has one or the other', 'static')
      if (options.url === undefined && options.tls !== undefined) report('has no meaning without url: remove it', 'tls')
      if (options.static === undefined && options.fallback !== undefined) report('has no meaning without static: remove it', 'fallback')
    })

/** Where a route's requests go. */
export const upstream = () =>
  z
    .union([address(), addresses(), map()], {
      error: 'must be an address, a list of addresses, a map of url and tls, or one of static and fallback',
    })
    .transform((given): UpstreamOptions => (typeof given === 'string' ? { url: [given] } : Array.isArray(given) ? { url: given } : given))

/** Has `url`, with `tls` or without, or `static`, with `fallback` or without. */
export type UpstreamOptions = z.output<ReturnType<typeof map>>
