import { type BadConfig, edits } from './bad-configs.ts'

const { atEnd, end } = edits

const here = 'forwardAuth: { dialect: nginx }\n'

/** Forward-auth is configured and the second route, which has no upstream then, gets these lines. */
const onRoute = (because: string, lines: string, ...says: RegExp[]): BadConfig => ({
  because,
  change: [
    ['    upstream: http://web:3000\n', ''],
    [end, `${end}${lines}${here}`],
  ],
  says,
})

export const badForwardAuth: readonly BadConfig[] = [
  atEnd('forward-auth in no dialect', 'forwardAuth: {} #!\n', /forwardAuth\.dialect: is missing: add it\. Whose questions/),
  atEnd('forward-auth in a dialect that nobody speaks', 'forwardAuth: { dialect: ngnix } #!\n', /forwardAuth\.dialect: must be one of nginx, .*; did you mean nginx\?/),
  atEnd('forward-auth at a name', 'forwardAuth: { dialect: envoy, host: auth.example.test } #!\n', /forwardAuth\.host: must be an IP address or localhost/),
  atEnd('forward-auth on the public port', 'forwardAuth: { dialect: caddy, port: 8080 } #!\n', /forwardAuth\.port: is also listen\.port on the same address/),
  atEnd('forward-auth on the admin port', 'admin: { tokens: [{ id: ops, env: ADMIN_TOKEN }] }\nforwardAuth: { dialect: haproxy, port: 9090 } #!\n', /forwardAuth\.port: is also admin\.port on the same address/),
  atEnd('forward-auth where nobody may ask', 'forwardAuth: { dialect: traefik, host: 0.0.0.0 } #!\n', /forwardAuth\.host: is not loopback, .* name the proxies in listen\.trustedProxies/),
  {
    because: 'a route to nowhere',
    change: [['  - path: /\n    upstream: http://web:3000\n', '  - path: / #!\n']],
    says: [/routes\[1\]\.upstream: is missing: add it\. A route can do without only where forwardAuth is configured/],
  },
  onRoute('a Host that a proxy sends', '    preserveHost: true #!\n', /routes\[1\]\.preserveHost: does nothing on a route without upstream/),
  onRoute('fixed headers that a proxy sets', '    setHeaders: { X-Api-Key: { env: ORDERS_API_KEY } } #!\n', /routes\[1\]\.setHeaders: does nothing/),
  onRoute('timeouts that a proxy has', '    timeouts: { idle: 5m } #!\n', /routes\[1\]\.timeouts: does nothing/),
  onRoute('sockets that a proxy lets through', '    websocket: {} #!\n', /routes\[1\]\.websocket: does nothing/),
  onRoute('a limit that a proxy must keep', '    limits: { body: 1MiB } #!\n', /routes\[1\]\.limits\.body: does nothing/),
]
