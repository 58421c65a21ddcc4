import { type BadConfig, edits } from './bad-configs.ts'

const { atEnd, end } = edits

const clients = '{ cli: { name: CLI, redirects: [loopback], scopes: [orders.read] } }'

/** A section that is right but for these entries of the one client. */
const withClient = (because: string, entries: string, says: RegExp): BadConfig =>
  atEnd(because, `native: { clients: { cli: { ${entries} } } } #!\n`, says)

export const badNative: readonly BadConfig[] = [
  atEnd('native clients of which there are none', 'native: { clients: {} } #!\n', /native\.clients: must have at least one client/),
  atEnd('native clients that nobody named', 'native: {} #!\n', /native\.clients: must have at least one client/),
  atEnd('documents of clients of which none is let in', 'native: { clientIdMetadata: { allow: [], scopes: [x] } } #!\n', /native\.clientIdMetadata\.allow: must list at least 1/),
  atEnd('documents of clients that may do anything', 'native: { clientIdMetadata: { allow: ["https://tool.example"] } } #!\n', /native\.clientIdMetadata\.scopes: is missing/),
  ...([
    ['over http', 'http://tool.example/client.json', /must be an https URL/],
    ['anywhere', 'https://*.tool.example', /must be https:\/\/, a host and a path/],
    ['at an address', 'https://192.0.2.7/client.json', /must have a public host name/],
    ['at an IPv6 address', 'https://[2001:db8::7]/client.json', /must be https:\/\/, a host/],
    ['on this machine', 'https://localhost/client.json', /must have a public host name/],
    ['with a query', 'https://tool.example/client.json?v=1', /must be https:\/\/, a host/],
    ['with dots in its path', 'https://tool.example/a/../client.json', /must be written as the URL standard writes it/],
  ] as const).map(([where, id, says]) =>
    atEnd(`a document of a client ${where}`, `native: { clientIdMetadata: { allow: ["${id}"], scopes: [x] } } #!\n`, new RegExp(`native\\.clientIdMetadata\\.allow\\[0\\]: ${says.source}`)),
  ),
  atEnd('a client id that no form takes', 'native: { clients: { "c l i": { name: CLI, redirects: [loopback], scopes: [x] } } } #!\n', /must be a client id of 1 to 64/),
  atEnd('NAT-24 a native session that idles longer than it lives', `native: { idleTimeout: 8d, clients: ${clients} } #!\n`, /native\.idleTimeout: is longer than absoluteTimeout/),
  atEnd('NHI-07 a native session of no end', `native: { absoluteTimeout: 91d, clients: ${clients} } #!\n`, /native\.absoluteTimeout: must be from 1s to 90d/),
  atEnd('the origin of an application', `native: { origin: https://app.example.test, clients: ${clients} } #!\n`, /native\.origin: is also one of the origins/),
  atEnd('another port of an application', `native: { origin: "https://app.example.test:8443", clients: ${clients} } #!\n`, /native\.origin: has the same host name as one of the origins/),
  atEnd('an approval over http', `native: { origin: http://login.example.test, clients: ${clients} } #!\n`, /native\.origin: must be https/),
  atEnd('an approval over http on loopback, with Secure cookies', `native: { origin: "http://localhost:8081", clients: ${clients} } #!\n`, /native\.origin: is http, where browsers keep no Secure cookie/),
  withClient('a client without a way to sign in', 'name: CLI, scopes: [x]', /native\.clients\.cli: has no way to sign in/),
  withClient('a client without a name', 'redirects: [loopback], scopes: [x]', /native\.clients\.cli\.name: is missing/),
  withClient('forms for a program that no form reaches', 'name: CLI, redirects: ["com.example.tool:/done"], scopes: [x], responseMode: form_post', /native\.clients\.cli\.responseMode: is form_post, which no scheme/),
  withClient('requests that are pushed now and then', 'name: CLI, redirects: [loopback], scopes: [x], par: off', /native\.clients\.cli\.par: must be/),
  withClient('a client that may do nothing', 'name: CLI, redirects: [loopback], scopes: []', /native\.clients\.cli\.scopes: must list at least 1/),
  withClient('NAT-28 a client with a secret', 'name: CLI, redirects: [loopback], scopes: [x], secret: y', /native\.clients\.cli\.secret: is not an option/),
  withClient('NAT-07 a redirect URI with a port', 'name: CLI, redirects: ["http://127.0.0.1:8080/cb"], scopes: [x]', /redirects\[0\]: must not name a port/),
  withClient('NAT-04 a redirect URI to anywhere', 'name: CLI, redirects: ["http://tool.example/cb"], scopes: [x]', /redirects\[0\]: must be http:\/\/127\.0\.0\.1/),
  withClient('NAT-08 a redirect URI that is a script', 'name: CLI, redirects: ["javascript:alert(1)"], scopes: [x]', /redirects\[0\]: must be loopback/),
  {
    because: 'a route where programs sign in',
    change: [
      ['  - path: /api/orders\n', '  - path: /oauth/orders #!\n'],
      [end, `${end}native: { clients: ${clients} }\n`],
    ],
    says: [/routes\[0\]\.path: is under paths\.native/],
  },
  atEnd('two places of ours in one', `paths: { native: /auth/oauth } #!\nnative: { clients: ${clients} }\n`, /paths\.native: overlaps with paths\.base/),
  atEnd('a device page among the metadata', `paths: { device: /.well-known/device } #!\nnative: { clients: ${clients} }\n`, /paths\.device: is under \/\.well-known/),
]
