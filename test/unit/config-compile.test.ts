import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { checkProcess } from '../../src/config/check-process.ts'
import { compileConfig } from '../../src/config/compile.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/mistakes.ts'
import { base, makeEnv } from '../data/config/base.ts'

type Options = Record<string, unknown>

const env = makeEnv()

/** Compiles the base with sections replaced, as YAML would hold them. */
function compile(sections: Options = {}, extra: NodeJS.ProcessEnv = {}): GatewayConfig {
  return compileConfig({ ...(parse(base) as Options), ...sections }, { env: { ...env, ...extra } })
}

function messagesOf(run: () => unknown): string[] {
  try {
    run()
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes.map(mistake => mistake.message)
  }
  return []
}

function session(changes: Options): Options {
  return { session: { ...(parse(base) as { session: Options }).session, ...changes } }
}

function provider(changes: Options): Options {
  const { main } = (parse(base) as { identityProviders: { main: Options } }).identityProviders
  return { identityProviders: { main: { ...main, ...changes } } }
}

function route(changes: Options): Options {
  return { routes: [{ path: '/', upstream: 'http://web:3000', ...changes }] }
}

describe('a compiled configuration', () => {
  it('SES-04 SES-05 has the documented defaults', () => {
    const config = compile()

    assert.deepEqual(config.listen, { host: '0.0.0.0', port: 8080, trustedProxies: [], maxConnections: 10_000 })
    assert.deepEqual(config.paths, { base: '/auth', native: '/oauth', device: '/device' })
    assert.deepEqual(config.session.cookie, { name: 'sallyport', insecure: false })
    assert.equal(config.session.idleTimeoutMs, 30 * 60_000)
    assert.equal(config.session.absoluteTimeoutMs, 12 * 3_600_000)
    assert.deepEqual(config.session.claims, ['name', 'email'])
    assert.equal(config.session.sealing, 'holder')
    assert.deepEqual(config.csrf, { mode: 'fetch-metadata', allowedOrigins: [] })
    assert.deepEqual(config.logout, {})
    assert.deepEqual(config.audit, { output: 'stdout', subject: 'plain' })
    assert.deepEqual(config.log, { level: 'info' })
    assert.deepEqual(config.identityProviders, [
      {
        id: 'main',
        issuer: 'https://id.example.test/realms/acme',
        label: 'main',
        clientId: 'sallyport',
        clientAuth: { method: 'client_secret_basic', secret: env.CLIENT_SECRET },
        responseMode: 'query',
        audienceParameter: 'resource',
        par: 'auto',
        scopes: ['openid', 'profile', 'email'],
        authorizationParams: {},
        loginParams: [],
        allow: 'everyone',
        claims: {},
        logout: { hint: 'logout_hint', params: {} },
        timeoutMs: 5000,
        clockToleranceMs: 5000,
      },
    ])
    assert.deepEqual(config.routes[1], {
      path: '/',
      kind: 'page',
      origins: config.origins,
      methods: null,
      upstream: {
        kind: 'servers',
        addresses: [{ name: 'http://web:3000', origin: 'http://web:3000', socketPath: null }],
        tls: {},
      },
      stripPrefix: false,
      preserveHost: false,
      encodedSlash: 'refuse',
      access: 'anyone',
      require: { scopes: [], claims: {}, acr: [] },
      token: null,
      assertion: null,
      identityHeaders: {},
      setHeaders: {},
      timeouts: { connectMs: 2000, headersMs: 30_000, idleMs: 60_000 },
      limits: { bodyBytes: 10 * 1024 * 1024, perMinute: null },
      websocket: null,
    })
  })

  it('has routes without an upstream where a proxy asks about them', () => {
    const { routes, forwardAuth } = compile({
      forwardAuth: { dialect: 'caddy' },
      routes: [{ path: '/', identityHeaders: { 'X-Auth-User': 'sub' } }],
    })

    assert.deepEqual(forwardAuth, { host: '127.0.0.1', port: 9092, dialect: 'caddy' })
    assert.equal(routes[0]?.upstream.kind, 'none')
  })

  it('is frozen to the bottom', () => {
    const holders: object[] = [compile()]
    for (const holder of holders) {
      assert.ok(Object.isFrozen(holder))
      for (const held of Object.values(holder)) if (typeof held === 'object' && held !== null && !Buffer.isBuffer(held)) holders.push(held)
    }
    assert.ok(holders.length > 20)
  })

  it('FLOW-01 has no place for another grant or response type', () => {
    assert.ok(!JSON.stringify(compile()).match(/response_?type|grant/i))
  })

  it('keeps routes in the order of the file, an api where a token is attached', () => {
    const { routes } = compile()

    assert.deepEqual(
      routes.map(({ path, kind }) => [path, kind]),
      [
        ['/api/orders', 'api'],
        ['/', 'page'],
      ],
    )
  })

  it('RES-02 keeps what is one token in one slot, and apart from all others', () => {
    const scopes = ['openid', 'orders.read', 'orders.write']
    const { main } = (parse(base) as { identityProviders: { main: Options } }).identityProviders
    const api = 'https://orders.example.test'
    const different = [
      'access',
      'id_token',
      { audience: api },
      { audience: api, scopes: ['orders.read'] },
      { audience: 'constructor' },
      { exchange: { audience: api } },
      { exchange: { resource: api } },
      { exchange: { audience: api, resource: api } },
      { exchange: { audience: api, scopes: ['orders.read'] } },
      { exchange: { audience: 'orders.read' } },
      { client: { provider: 'main', audience: api } },
      { client: { provider: 'main', audience: api, scopes: ['orders.read'] } },
    ]
    const alike = [
      { audience: api, scopes: ['orders.write', 'orders.read'] },
      { audience: api, scopes: ['orders.read', 'orders.write'] },
    ]

    const { routes } = compile({
      identityProviders: { main: { ...main, scopes, audienceParameter: 'audience' } },
      routes: ['none', ...different, ...alike].map((token, i) => ({ path: `/${i}`, upstream: 'http://web:3000', token })),
    })

    const [none, ...tokens] = routes.map(({ token }) => token)
    const slots = tokens.map(token => (token !== null && token !== undefined && 'slot' in token ? token.slot : assert.fail()))
    assert.equal(none, null)
    assert.deepEqual(tokens[0], { kind: 'access', slot: '', audience: null, resource: null, scopes: [] })
    assert.deepEqual(tokens[2], { kind: 'audience', slot: `${api} `, audience: api, resource: null, scopes: [] })
    assert.equal(new Set(slots).size, different.length + 1)
    assert.deepEqual(tokens.at(-2), tokens.at(-1))
    assert.deepEqual(
      slots.filter(slot => slot in {}),
      [],
    )
    assert.deepEqual(new Set(routes.map(({ kind }) => kind)), new Set(['page', 'api']))
    assert.equal(routes[0]?.kind, 'page')
  })

  it('knows an origin by what browsers send', () => {
    const { origins } = compile({ origins: ['https://app.example.test', 'https://admin.example.test:8443'] })

    assert.deepEqual(origins, [
      { href: 'https://app.example.test', authority: 'app.example.test', isSecure: true },
      { href: 'https://admin.example.test:8443', authority: 'admin.example.test:8443', isSecure: true },
    ])
  })

  it('lets two origins have one path each', () => {
    const origins = ['https://a.example.test', 'https://b.example.test']
    const upstreams = origins.map((origin, i) => ({ path: '/', origin, upstream: `http://web-${i}:3000` }))

    const { routes } = compile({ origins, routes: upstreams })

    assert.deepEqual(
      routes.map(({ origins }) => origins.map(({ href }) => href)),
      [[origins[0]], [origins[1]]],
    )
  })

  it('CKE-16 takes insecure cookies on loopback, and then listens nowhere else', () => {
    for (const origin of ['http://localhost:8080', 'http://127.0.0.1:8080', 'http://[::1]:8080', 'http://app.localhost']) {
      const config = compile({ origins: [origin], ...session({ cookie: { insecure: true } }) })

      assert.equal(config.listen.host, '127.0.0.1')
      assert.equal(config.session.cookie.insecure, true)
    }
  })

  it('reads a sealing key in base64, base64url and hex alike', () => {
    const key = Buffer.from(env.SEALING_KEY_HEX ?? '', 'hex')

    for (const text of [key.toString('hex'), key.toString('hex').toUpperCase(), key.toString('base64'), key.toString('base64url')]) {
      const config = compile({}, { SEALING_KEY: `${text}\n` })

      assert.deepEqual(config.session.sealingKeys, [{ id: 'k1', key }])
    }
  })

  it('has cookie keys without the space around them', () => {
    const config = compile({}, { COOKIE_KEY: `  ${env.COOKIE_KEY}\r\n` })

    assert.deepEqual(config.session.cookieKeys, [env.COOKIE_KEY])
  })

  it('takes numbers and switches from outside, where everything is text', () => {
    const config = compile({ listen: { port: { env: 'PORT' } }, ...route({ preserveHost: { env: 'SWITCH' } }) }, { SWITCH: 'true' })

    assert.equal(config.listen.port, 8443)
    assert.equal(config.routes[0]?.preserveHost, true)
  })

  it('compares e-mail domains and addresses in lower case', () => {
    const config = compile(provider({ allow: { emailDomains: ['Example.test'], emails: ['Alice@Example.TEST'] } }))

    assert.deepEqual(config.identityProviders[0]?.allow, { emailDomains: ['example.test'], emails: ['alice@example.test'] })
  })

  it('reads one value as a list of one', () => {
    const require = { acr: 'urn:example:mfa', claims: { groups: 'ops' }, maxAge: '15m' }

    const config = compile(route({ require, origin: 'https://app.example.test' }))

    assert.deepEqual(config.routes[0]?.require, { scopes: [], acr: ['urn:example:mfa'], claims: { groups: ['ops'] }, maxAgeMs: 900_000 })
  })

  it('finds a mapped claim by its own name unless told otherwise', () => {
    const config = compile(provider({ claims: { groups: {}, roles: { from: ['userinfo'], path: ['realm_access', 'roles'] } } }))

    assert.deepEqual(config.identityProviders[0]?.claims, {
      groups: { from: ['id_token', 'userinfo'], path: ['groups'] },
      roles: { from: ['userinfo'], path: ['realm_access', 'roles'] },
    })
  })

  it('takes hosts above, below and beside an origin for its own site', () => {
    const allowedOrigins = [
      'https://example.test',
      'https://a.app.example.test',
      'https://www.example.test',
      'https://app.example.test:8443',
    ]

    assert.deepEqual(compile({ csrf: { allowedOrigins } }).csrf.allowedOrigins, allowedOrigins)
  })

  it('takes a Redis URL without a password as it stands, and with one from outside', () => {
    const plain = compile(session({ store: { kind: 'redis', url: 'redis://user@redis:6379/1' } }))
    const secret = compile(session({ store: { kind: 'redis', url: { env: 'REDIS_URL' }, namespace: 'acme' } }))

    assert.deepEqual(plain.session.store, { kind: 'redis', url: 'redis://user@redis:6379/1', namespace: 'sp' })
    assert.deepEqual(secret.session.store, { kind: 'redis', url: env.REDIS_URL, namespace: 'acme' })
  })

  it('takes the nodes of a cluster, with TLS where it is asked for', () => {
    const nodes = ['redis-1', 'redis_2:7000', '[fd00::1]', '[fd00::2]:7001']
    const plain = compile(session({ store: { kind: 'redis-cluster', nodes } }))
    const login = { username: 'sallyport', password: { env: 'OTHER_SECRET' } }
    const secure = compile(session({ store: { kind: 'redis-cluster', nodes: ['redis'], ...login, tls: {} } }))

    const addresses = [
      { host: 'redis-1', port: 6379 },
      { host: 'redis_2', port: 7000 },
      { host: 'fd00::1', port: 6379 },
      { host: 'fd00::2', port: 7001 },
    ]
    assert.deepEqual(plain.session.store, { kind: 'redis-cluster', nodes: addresses, access: {}, namespace: 'sp' })
    assert.deepEqual(secure.session.store, {
      kind: 'redis-cluster',
      nodes: [{ host: 'redis', port: 6379 }],
      access: { username: 'sallyport', password: env.OTHER_SECRET, tls: {} },
      namespace: 'sp',
    })
  })

  it('takes sentinels with a login of their own, and the TLS of Redis', () => {
    const sentinel = { master: 'mymaster', nodes: ['sentinel-1', 'sentinel-2:5000'], username: 'watch', password: { env: 'OTHER_SECRET' } }
    const config = compile(
      session({ store: { kind: 'redis-sentinel', sentinel, password: { env: 'CLIENT_SECRET' }, database: 2, tls: {} } }),
    )

    assert.deepEqual(config.session.store, {
      kind: 'redis-sentinel',
      sentinel: {
        master: 'mymaster',
        nodes: [
          { host: 'sentinel-1', port: 26379 },
          { host: 'sentinel-2', port: 5000 },
        ],
        access: { username: 'watch', password: env.OTHER_SECRET, tls: {} },
      },
      access: { password: env.CLIENT_SECRET, database: 2, tls: {} },
      namespace: 'sp',
    })
  })

  it('writes the audit to a file that is not read for its name', () => {
    assert.deepEqual(compile({ audit: { output: { file: 'no/such/audit.log' } } }).audit.output, { file: 'no/such/audit.log' })
  })

  it('has administrators on a port of their own, where it says so', () => {
    const tokens = [
      { id: 'ops', env: 'ADMIN_TOKEN' },
      { id: 'helpdesk', env: 'OTHER_ADMIN_TOKEN' },
    ]

    assert.equal(compile().admin, undefined)
    assert.deepEqual(compile({ admin: { tokens } }, { OTHER_ADMIN_TOKEN: ` ${env.OTHER_ADMIN_TOKEN}\r\n` }).admin, {
      host: '127.0.0.1',
      port: 9090,
      tokens: [
        { id: 'ops', token: env.ADMIN_TOKEN },
        { id: 'helpdesk', token: env.OTHER_ADMIN_TOKEN },
      ],
    })
  })

  it('lets the two ports have one number on two addresses, or none yet', () => {
    const tokens = [{ id: 'ops', env: 'ADMIN_TOKEN' }]

    const apart = compile({ listen: { host: '10.0.0.7', port: 9090 }, admin: { tokens } })
    const chosen = compile({ listen: { port: 0 }, admin: { host: '0.0.0.0', port: 0, tokens } })

    assert.deepEqual([apart.admin?.port, chosen.admin?.port], [9090, 0])
  })

  it('keeps a parameter that happens to be called env', () => {
    const config = compile(provider({ authorizationParams: { env: 'prod' } }))

    assert.deepEqual(config.identityProviders[0]?.authorizationParams, { env: 'prod' })
  })
})

describe('what surrounds the configuration', () => {
  it('META-03 must not have switched off the check of certificates', () => {
    const messages = messagesOf(() => compile({}, { NODE_TLS_REJECT_UNAUTHORIZED: '0' }))

    assert.match(messages.join(), /^NODE_TLS_REJECT_UNAUTHORIZED=0 switches off the check of certificates/)
  })

  it('MSG-07 must not have switched on the lenient parser', () => {
    const messages = messagesOf(() => compile({}, { NODE_OPTIONS: '--max-http-header-size=8192 "--insecure-http-parser"' }))

    assert.match(messages.join(), /^--insecure-http-parser lets requests be read in two ways/)
    assert.equal(checkProcess({}, ['--insecure-http-parser']).length, 1)
    assert.equal(checkProcess({}, ['--insecure_http_parser']).length, 1)
    assert.deepEqual(checkProcess({ NODE_TLS_REJECT_UNAUTHORIZED: '1' }, ['--enable-source-maps']), [])
  })
})

describe('data that is no configuration', () => {
  it('WEB-09 is refused in any form', () => {
    for (const value of [undefined, null, 3, 'routes', [], {}, [{}], JSON.parse('{"__proto__":{"log":{"level":"trace"}}}')]) {
      assert.throws(() => compileConfig(value, { env }), ConfigError)
    }
  })

  it('WEB-09 pollutes no prototype', () => {
    messagesOf(() => compile(JSON.parse('{"log":{"__proto__":{"polluted":true}},"csrf":{"constructor":{"prototype":{"polluted":true}}}}')))

    assert.equal(({} as Options).polluted, undefined)
  })
})
