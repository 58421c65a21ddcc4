/** A configuration that must not be accepted: the base with some of its text replaced. */
export interface BadConfig {
  readonly because: string
  /** What is replaced by what. Lines that a mistake must name end in `#!`. */
  readonly change: readonly (readonly [string, string])[]
  /** What the mistakes say, in order. */
  readonly says: readonly RegExp[]
}

/** A secret that stands in the file itself; no message may repeat it. */
export const plainSecret = 'hunter2-in-plain-sight-4f1c9a'

const route = '    upstream: http://orders:8080\n    token: access\n'
const anyone = '    upstream: http://web:3000\n    access: anyone\n'
const session = '  store:\n    kind: memory\n'
const end = '    access: anyone\n'
const origins = '  - https://app.example.test\n'
const clientAuth = '    clientAuth:\n      secret: { env: CLIENT_SECRET }\n'

function bad(because: string, from: string, to: string, ...says: RegExp[]): BadConfig {
  return { because, change: [[from, to]], says }
}

/** Adds lines below the others of the first route, the second route, the session, the provider, or at the end. */
const inRoute = (because: string, lines: string, ...says: RegExp[]) => bad(because, route, route + lines, ...says)
const inPublicRoute = (because: string, lines: string, ...says: RegExp[]) => bad(because, anyone, anyone + lines, ...says)
const inSession = (because: string, lines: string, ...says: RegExp[]) => bad(because, session, session + lines, ...says)
const inProvider = (because: string, lines: string, ...says: RegExp[]) => bad(because, clientAuth, clientAuth + lines, ...says)
const atEnd = (because: string, lines: string, ...says: RegExp[]) => bad(because, end, end + lines, ...says)

const form: readonly BadConfig[] = [
  atEnd('an unknown section', 'tracing: {} #!\n', /tracing: is not an option; known here are origins, listen/),
  atEnd('a misspelt section', 'lisen: { port: 80 } #!\n', /lisen: is not an option; did you mean listen\?/),
  inSession('a name in another spelling', '  idle_timeout: 5m #!\n', /session\.idle_timeout: is not an option; did you mean idleTimeout\?/),
  atEnd('an option in the wrong place', 'idleTimeout: 5m #!\n', /idleTimeout: is not an option here; session\.idleTimeout and native\.idleTimeout are/),
  atEnd('a name of the service that is none', 'telemetry: { serviceName: my shop } #!\n', /serviceName: must be letters, digits/),
  inRoute('two letters swapped', '    acces: anyone #!\n', /routes\[0\]\.acces: is not an option; did you mean access\?/),
  inRoute('an option that stands there twice', '    token: none #!\n', /this name stands here twice/),
  atEnd('a key that reaches into prototypes', '__proto__: { log: { level: trace } } #!\n', /__proto__: is not a name that can be used/),
  inRoute('the same below', '    setHeaders: { __proto__: x } #!\n', /setHeaders\.__proto__: is not a name that can be used/),
  bad('a required option that is missing', '    clientId: sallyport\n', '', /identityProviders\.main\.clientId: is missing: add it\. The client id/),
  bad('an option without a value', 'clientId: sallyport', 'clientId: #!', /clientId: has no value/),
  bad('a list where a map belongs', session, '  store: [memory] #!\n', /session\.store: must be a map of options/),
  bad('a map where a list belongs', origins, '  https://app.example.test: yes\n', /origins: must be a list/),
  atEnd('a number where a text belongs', 'pages: { name: 2026 } #!\n', /pages\.name: must be a text: put it in quotes/),
  atEnd('a word where a number belongs', 'listen: { port: http } #!\n', /listen\.port: must be a whole number from 0 to 65535/),
  atEnd('a port that no socket has', 'listen: { port: 65536 } #!\n', /listen\.port: must be a whole number from 0 to 65535/),
  inSession('yes for true', '  cookie: { insecure: yes } #!\n', /cookie\.insecure: must be true or false/),
  inSession('a bare number for a duration', '  idleTimeout: 30 #!\n', /idleTimeout: needs a unit: write a duration such as 500ms, 30s/),
  inSession('a duration in two units', '  idleTimeout: 1h30m #!\n', /idleTimeout: must be a whole number and a unit/),
  inRoute('a bare number for a size', '    limits: { body: 1048576 } #!\n', /limits\.body: needs a unit: write a size such as 64KiB/),
  inRoute('a size in decimal units', '    limits: { body: 10MB } #!\n', /limits\.body: must be a whole number and a unit: 512B, 64KiB/),
  inRoute('PXY-17 a limit of nothing', '    limits: { perMinute: 0 } #!\n', /limits\.perMinute: must be a whole number/),
  inRoute('PXY-17 a limit of nobody', '    limits: { perMinute: {} } #!\n', /limits\.perMinute: must have at least one limit/),
  inRoute('PXY-17 a limit by what is none', '    limits: { perMinute: { sesion: 60, route: 60 } } #!\n', /perMinute\.sesion: is not an option.*session/),
  inRoute('a misspelt choice', '    access: sigend-in #!\n', /access: must be one of signed-in, optional, anyone; did you mean signed-in\?/),
  atEnd('a value with a tag', 'log: { level: !!js info } #!\n', /tags \(!name\) are not used here/),
  atEnd('a tab for indentation', 'log:\n\tlevel: info #!\n', /is indented with a tab: use spaces/),
  atEnd('a second document', '--- #!\nlog: {}\n', /a second document begins here/),
  atEnd('an alias of nothing', 'log: *levels #!\n', /this alias .* has no anchor/),
  atEnd('a bracket that stays open', 'log: { level: info\npages: {} #!\n', /a bracket before it is still open/),
]

const origin: readonly BadConfig[] = [
  bad('an http origin elsewhere', origins, '  - http://app.example.test #!\n', /origins\[0\]: must be https; http is only for this machine/),
  bad('an http origin without saying so', origins, '  - http://localhost:8080 #!\n', /is http, .* set session\.cookie\.insecure: true/),
  bad('an origin with a path', origins, '  - https://app.example.test/app #!\n', /bare origin, .* write https:\/\/app\.example\.test$/),
  bad('an origin with the default port', origins, '  - https://app.example.test:443 #!\n', /write https:\/\/app\.example\.test$/),
  bad('an origin with upper case', origins, '  - https://App.Example.test #!\n', /write https:\/\/app\.example\.test$/),
  bad('an origin with a password', origins, `  - https://me:${plainSecret}@app.example.test #!\n`, /must not hold a user name or password/),
  bad('an origin with a wildcard', origins, "  - 'https://*.example.test' #!\n", /must name one host, without wildcards/),
  bad('an origin that is none', origins, '  - app.example.test #!\n', /must be an origin: https:\/\//),
  bad('no origin', `origins:\n${origins}`, 'origins: [] #!\n', /origins: must list at least 1/),
  bad('origins that differ by port', origins, `${origins}  - https://app.example.test:8443 #!\n`, /same host name as origins\[0\], so they would share cookies/),
  bad('an origin that stands there twice', origins, `${origins}  - https://app.example.test #!\n`, /stands in the list twice/),
  inSession('CKE-16 insecure cookies with https', '  cookie: { insecure: true } #!\n', /insecure: cannot be true with an https origin/),
  {
    because: 'CKE-16 insecure cookies on a reachable address',
    change: [
      [origins, '  - http://localhost:8080\n'],
      [session, `${session}  cookie: { insecure: true }\n`],
      [end, `${end}listen: { host: 0.0.0.0 } #!\n`],
    ],
    says: [/listen\.host: must be a loopback address/],
  },
  atEnd('trusting every proxy', 'listen: { trustedProxies: [0.0.0.0/0] } #!\n', /trustedProxies\[0\]: is wider than any network of your own/),
  atEnd('trusting every proxy by IPv6', "listen: { trustedProxies: ['::/0'] } #!\n", /is wider than any network of your own/),
  atEnd('trusting half the world', 'listen: { trustedProxies: [0.0.0.0/1] } #!\n', /is wider than any network of your own/),
  atEnd('trusting all of IPv4 in disguise', "listen: { trustedProxies: ['::ffff:0:0/96'] } #!\n", /must be written as the IPv4 block/),
  atEnd('a block that is none', 'listen: { trustedProxies: [10.0.0.0/33] } #!\n', /has a longer prefix than/),
  atEnd('a proxy by name', 'listen: { trustedProxies: [proxy] } #!\n', /must be an address block such as 10\.0\.0\.0\/8/),
  atEnd('another site allowed to call', 'csrf: { allowedOrigins: [https://evil.test] } #!\n', /is another site than every origin/),
  atEnd('a whole suffix allowed to call', 'csrf: { allowedOrigins: [https://test] } #!\n', /is another site than every origin/),
  atEnd('plain http allowed to call', 'csrf: { allowedOrigins: [http://www.example.test] } #!\n', /allowedOrigins\[0\]: must be https/),
  atEnd('our own origin allowed to call', 'csrf: { allowedOrigins: [https://app.example.test] } #!\n', /is one of the origins and needs no permission/),
  atEnd('a landing elsewhere', 'logout: { landing: //evil.test } #!\n', /landing: must be a path on the same origin/),
  atEnd('a landing that signs in again', 'logout: { landing: /auth/login } #!\n', /landing: is one of the gateway's own endpoints/),
  atEnd('a logo that runs', "pages: { logo: 'javascript:alert(1)' } #!\n", /logo: must be a path .* or an https URL/),
  atEnd('a host by name to listen on', 'listen: { host: app.example.test } #!\n', /listen\.host: must be an IP address or localhost/),
  atEnd('a name of two lines', 'pages: { name: "Acme\\nInc." } #!\n', /pages\.name: must be one line without control characters/),
  atEnd('no base path', 'paths: { base: / } #!\n', /base: must not be \//),
]

export const badConfigs: readonly BadConfig[] = [...form, ...origin]

/** For the cases of the other file. */
export const edits = { bad, inRoute, inPublicRoute, inSession, inProvider, atEnd, origins, session, end, route, anyone, clientAuth }
