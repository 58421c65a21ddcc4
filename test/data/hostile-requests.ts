/**
 * Requests that are refused whichever way they come in, although somebody is signed in: by the proxy, and by
 * forward-auth in every dialect. One table, so that what is refused in one way is refused in all.
 */
export interface HostileRequest {
  readonly method?: string
  readonly target: string
  readonly host?: string
  /** Further lines. */
  readonly headers?: readonly string[]
  /** In place of what the browser says of a script on our own page. */
  readonly browser?: readonly string[]
  /** In place of alice's session cookie, which stands for `$`. */
  readonly cookie?: string
}

export interface Attack {
  /** What it is; with the rows of the checklist. */
  readonly what: string
  readonly requests: readonly HostileRequest[]
  /** Status and code of the proxy's answer. Forward-auth answers 403 with the same code, and 401 as it is. */
  readonly refused: string
}

/** The host that is ours in these requests. */
export const ourHost = 'app.example.test'

/** What the requests are refused on: the routes of whoever carries them. */
export const hostileRoutes = [
  { path: '/api/orders', token: 'access', methods: ['GET', 'POST'], identityHeaders: { 'X-Auth-User': 'sub' } },
  { path: '/api/claimed', kind: 'api', require: { claims: { groups: ['nobody'] } } },
  { path: '/reports' },
  { path: '/public', access: 'anyone' },
] as const

const script = ['Sec-Fetch-Site: same-origin', 'Sec-Fetch-Mode: cors', 'Sec-Fetch-Dest: empty'] as const
export const ownScript: readonly string[] = script

const at = (...targets: string[]): HostileRequest[] => targets.map(target => ({ target }))
const saying = (...browsers: (readonly string[])[]): HostileRequest[] => browsers.map(browser => ({ target: '/api/orders', browser }))

export const attacks: readonly Attack[] = [
  {
    what: 'A-098 PXY-03 dot segments',
    requests: at(
      ...['/api/orders/../admin', '/api/orders/%2e%2e/admin', '/api/orders/.%2e/x', '/api/orders/%2e./x', '/api/orders/%252e%252e/x'],
      ...['/api/orders/.', '/public/../reports', '/public/..;/reports', '/public/%2e%2e%2freports'],
    ),
    refused: '400 ambiguous_path',
  },
  {
    what: 'A-100 PXY-03 empty segments, matrix parameters, NUL, controls and overlong UTF-8',
    requests: at('//api/orders', '/api//orders', '/api/orders/..;/x', '/api/orders%00', '/api/orders/%c0%ae', '/api/orders/%0a', '/api/orders/%0d%0aX:'),
    refused: '400 ambiguous_path',
  },
  { what: 'A-103 PXY-03 a fragment', requests: at('/api/orders#/../admin', '/api/orders?a#b', '/api/orders%23'), refused: '400 ambiguous_path' },
  {
    what: 'PXY-03 slashes and backslashes in disguise',
    requests: at('/api/orders/a%2fb', '/api/orders\\..\\x', '/api/orders/a%5cb', '/api/orders/a%252fb', '/public%2f..%2freports'),
    refused: '400 ambiguous_path',
  },
  { what: 'PXY-03 broken encoding', requests: at('/api/orders/%', '/api/orders/%zz', '/api/orders/%ff'), refused: '400 ambiguous_path' },
  { what: 'A-101 PXY-04 a second spelling of a route', requests: at('/api/%6frders', '/api/orders;x', '/publi%63'), refused: '400 ambiguous_path' },
  {
    what: 'A-101 PXY-04 PXY-07 a path that is nearly that of a route',
    requests: at('/API/Orders', '/api/ordersX', '/api/Orders', '/', '/api', '/admin', '/favicon.ico'),
    refused: '404 no_route',
  },
  { what: 'PXY-11 an access token in the query', requests: at('/api/orders?access_token=secret', '/reports?a=b&%61ccess_token=x'), refused: '400 bad_request' },
  { what: 'PXY-18 an address without end', requests: at(`/public/${'a'.repeat(8200)}`), refused: '414 uri_too_long' },
  {
    what: 'A-110 PXY-01 a host that is not ours',
    requests: ['evil.test', `${ourHost}:8443`, `${ourHost}@evil.test`, `evil.${ourHost}`, `${ourHost}.evil.test`, `${ourHost}.`].map(host => ({ target: '/public', host })),
    refused: '421 wrong_authority',
  },
  {
    what: 'A-110 PXY-02 another authority in the target',
    requests: at('http://evil.test/public', `https://${ourHost}.evil.test/public`, `http://${ourHost}@evil.test/public`),
    refused: '421 wrong_authority',
  },
  {
    what: 'PXY-05 a method that the route does not take',
    requests: ['DELETE', 'PUT', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PURGE'].map(method => ({ method, target: '/api/orders' })),
    refused: '405 method_not_allowed',
  },
  { what: 'PXY-05 TRACE, which no route takes', requests: [{ method: 'TRACE', target: '/public' }], refused: '405 method_not_allowed' },
  { what: 'PXY-06 somebody who lacks the claim', requests: at('/api/claimed'), refused: '403 claim_missing' },
  {
    what: 'HDR-10 two lines of what may stand once',
    requests: ['Host', 'Origin', 'Content-Type', 'Authorization', 'Sec-Fetch-Site', 'Sec-Fetch-Mode', 'Sec-Fetch-Dest'].map(name => {
      const line = `${name}: ${name === 'Host' ? ourHost : 'same-origin'}`
      return { target: '/public', headers: name === 'Host' ? [line] : [line, line], browser: [] }
    }),
    refused: '400 bad_request',
  },
  {
    what: 'CSRF-02 A-046 A-047 what another site or a sibling sends with the cookie',
    requests: [
      ...saying(
        ['Sec-Fetch-Site: cross-site'],
        ['Sec-Fetch-Site: same-site', 'Origin: https://evil.example.test'],
        ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'],
        ['Sec-Fetch-Mode: cors'],
      ),
      { method: 'POST', target: '/api/orders', browser: ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'] },
      { method: 'POST', target: '/reports', browser: ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'] },
    ],
    refused: '403 cross_site_refused',
  },
  {
    what: 'CSRF-03 CSRF-04 A-050 the same from browsers without Fetch Metadata',
    requests: saying(
      ...['https://evil.test', 'null', `http://${ourHost}`, `https://${ourHost}:8443`, `https://${ourHost}.evil.test`].map(origin => [`Origin: ${origin}`]),
      ['Referer: https://evil.test/'],
      [`Referer: https://${ourHost}.evil.test/`],
      ['Accept: */*'],
    ),
    refused: '403 cross_site_refused',
  },
  {
    what: 'CSRF-03 the handshake of a socket that another site opens',
    requests: saying([
      ...['Origin: https://evil.test', 'Connection: Upgrade', 'Upgrade: websocket'],
      ...['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='],
    ]),
    refused: '403 cross_site_refused',
  },
  {
    what: 'CSRF-06 a preflight of an origin that is not allowed',
    // Browsers send no cookie with it.
    requests: ['/reports', '/public'].map(target => ({ method: 'OPTIONS', target, cookie: 'theme=dark', browser: ['Origin: https://evil.test', 'Access-Control-Request-Method: PUT'] })),
    refused: '403 cross_site_refused',
  },
  { what: 'CKE-09 two session cookies', requests: [{ target: '/api/orders', cookie: '$; $' }], refused: '401 not_signed_in' },
  {
    what: 'CKE-09 a cookie that is not quite ours',
    requests: ['$x', 'x$', ''].map(cookie => ({ target: '/api/orders', cookie })),
    refused: '401 not_signed_in',
  },
]
