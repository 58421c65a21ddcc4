import { isIP } from 'node:net'
import { z } from 'zod'
import { admin } from './schema-admin.ts'
import { assertionKeys } from './schema-assertion.ts'
import { forwardAuth } from './schema-forward-auth.ts'
import { native } from './schema-native.ts'
import { probes } from './schema-probes.ts'
import { provider, providerId } from './schema-provider.ts'
import { route } from './schema-routes.ts'
import { session } from './schema-session.ts'
import { certificates, distinct, judgedText, listenAddress, origin, path, secret, text, whole, word } from './schema-values.ts'

const listen = () =>
  z.strictObject({
    host: listenAddress().optional().describe('Address to listen on. Without it: 0.0.0.0; with session.cookie.insecure 127.0.0.1.'),
    port: whole(0, 65535).prefault(8080).describe('TCP port; 0 lets the system choose one.'),
    trustedProxies: distinct(judgedText(blockProblem))
      .default([])
      .describe("Address blocks (CIDR) of the proxies in front, whose X-Forwarded-* are believed. Empty: nobody's."),
    maxConnections: whole(10, 1_000_000)
      .prefault(10_000)
      .describe('How many connections the process has open at once; half of them at most from one address that is no trusted proxy.'),
    tls: z
      .strictObject({
        cert: certificates().describe('PEM of the certificate and those that vouch for it.'),
        key: secret().describe('PEM of its private key; only as { env } or { file }.'),
      })
      .optional()
      .describe('Serves https itself. Without it: http, for a proxy in front that does.'),
  })

const csrf = () =>
  z.strictObject({
    mode: z
      .enum(['fetch-metadata', 'header'])
      .default('fetch-metadata')
      .describe('How requests of other sites are told apart; header also wants X-CSRF: 1 with everything but navigations.'),
    allowedOrigins: distinct(origin())
      .default([])
      .describe('Further origins of the same site whose scripts may call with the session cookie.'),
  })

const landing = () =>
  judgedText(value =>
    /^\/(?![/\\])[^\\#]*$/.test(value) ? null : 'must be a path on the same origin: one / at its start, no backslash, no fragment',
  )
const logo = () =>
  judgedText(value =>
    /^\/(?![/\\])/.test(value) || URL.parse(value)?.protocol === 'https:' ? null : 'must be a path (/logo.svg) or an https URL',
  )

const ownPath = () => path().refine(value => value !== '/', { error: 'must not be /: the gateway keeps everything under it for itself' })

/**
 * Every option there is, in the order of contract.md section 7. What it does not know is a mistake.
 *
 * Each option has a description that names its unit; defaults are part of the schema. From here come the
 * checks, config/gateway.schema.json, and the names that mistakes suggest.
 *
 * Made anew for each configuration that is read, like every schema in it: 4 MB that then need not stay for as long as
 * the program runs. docs/decisions/018.
 */
export const createConfigSchema = () =>
  z.strictObject({
    origins: distinct(origin()).min(1).describe('The origins that browsers see; the first is the default; https unless on loopback.'),
    listen: listen().prefault({}).describe('Where the gateway listens.'),
    probes: probes()
      .optional()
      .describe('Where Kubernetes and Prometheus ask, on a port of its own: nowhere, unless this section is there.'),
    admin: admin().optional().describe('Where administrators call, on a port of its own: nowhere, unless this section is there.'),
    forwardAuth: forwardAuth()
      .optional()
      .describe('Where a proxy asks before it lets a request through, on a port of its own: nowhere, unless this section is there.'),
    paths: z
      .strictObject({
        base: ownPath().default('/auth').describe("Path under which the gateway's own endpoints are."),
        native: ownPath().default('/oauth').describe('Path under which the endpoints for native clients are; only with native.'),
        device: ownPath().default('/device').describe('Page where people type the code of a device; only with native.'),
      })
      .prefault({})
      .describe("The gateway's own paths."),
    identityProviders: z
      .record(providerId(), provider())
      .refine(providers => Object.keys(providers).length > 0, { error: 'must have at least one provider' })
      .describe('Provider id to provider, in the order of the chooser page.'),
    session: session().describe('Sessions: where they are kept, under which keys, and for how long.'),
    assertionKeys: assertionKeys()
      .optional()
      .describe('Keys that sign X-Auth-Assertion; the first signs, all are published. Without it: no route can have assertion.'),
    csrf: csrf().prefault({}).describe('Cross-site requests.'),
    logout: z
      .strictObject({ landing: landing().optional().describe('Path to go to after signing out. Without it: a page that says so.') })
      .prefault({})
      .describe('Signing out.'),
    pages: z
      .strictObject({
        name: text().max(100).default('Sallyport').describe("Name shown on the gateway's pages."),
        logo: logo().optional().describe('Picture shown on them: a path or an https URL. Without it: none.'),
        support: text()
          .max(200)
          .optional()
          .describe('Where people get help: a URL, an e-mail address or a sentence. Without it: nothing is said.'),
      })
      .prefault({})
      .describe('The pages that the gateway itself shows.'),
    routes: z.array(route()).min(1).describe('What is served; the longest path that fits wins.'),
    native: native()
      .optional()
      .describe('Signing in from programs that are no browser (OAuth 2.1): not at all, unless this section is there.'),
    audit: z
      .strictObject({
        output: z
          .union([z.literal('stdout'), z.strictObject({ file: text().describe('File to append to.') })], {
            error: 'must be stdout or { file: path }',
          })
          .default('stdout')
          .describe('Where audit events go: stdout, or { file: path } to append to a file.'),
        subject: z.enum(['plain', 'hmac']).default('plain').describe('How users appear: plain as their sub, hmac as a keyed hash of it.'),
      })
      .prefault({})
      .describe('The record of who did what.'),
    telemetry: z
      .strictObject({
        serviceName: word(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'letters, digits, ., _ and -, up to 64')
          .default('sallyport')
          .describe('What this gateway calls itself in every line of the log and the audit, where those of several come together.'),
      })
      .prefault({})
      .describe('How this gateway is told from others.'),
    log: z
      .strictObject({
        level: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info').describe('Least severity that is logged.'),
      })
      .prefault({})
      .describe('The log.'),
  })

export type ConfigSchema = ReturnType<typeof createConfigSchema>

export type ConfigOptions = z.output<ConfigSchema>

/** Only networks that one can own: a block that holds strangers lets them write where requests come from (HDR-08). */
function blockProblem(block: string): string | null {
  const [address = '', bits, ...more] = block.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0 || (bits !== undefined && !/^\d{1,3}$/.test(bits)))
    return 'must be an address block such as 10.0.0.0/8 or fd00::/8'
  const prefix = bits === undefined ? 128 : Number(bits)
  if (bits !== undefined && prefix > (version === 6 ? 128 : 32)) return 'has a longer prefix than its kind of address has bits'
  if (address.toLowerCase().startsWith('::ffff:')) return 'must be written as the IPv4 block that it means'
  return prefix < (version === 6 ? 7 : 8) ? "is wider than any network of your own: name the proxies' own addresses" : null
}
