import { type BadConfig, edits, plainSecret } from './bad-configs.ts'

const { atEnd, bad, end, origins, session } = edits

const token = (because: string, entry: string, ...says: RegExp[]) => atEnd(because, `admin: { tokens: [${entry}] } #!\n`, ...says)

export const badAdmin: readonly BadConfig[] = [
  atEnd('an admin port without a token', 'admin: {} #!\n', /admin\.tokens: is missing/),
  atEnd('an admin port that takes nobody', 'admin: { tokens: [] } #!\n', /admin\.tokens: must list at least 1/),
  atEnd('an admin port at a name', 'admin: { host: admin.example.test, tokens: [{ id: ops, env: ADMIN_TOKEN }] } #!\n', /admin\.host: must be an IP address or localhost/),
  token('an admin token in the file', `{ id: ops, token: ${plainSecret} }`, /tokens\[0\]\.token: is not an option/),
  token('an admin token without an id', '{ env: ADMIN_TOKEN }', /tokens\[0\]\.id: is missing/),
  token('an admin token from nowhere', '{ id: ops }', /tokens\[0\]: must have exactly one of env and file/),
  token('an admin token from two places', '{ id: ops, env: ADMIN_TOKEN, file: admin-token }', /tokens\[0\]: must have exactly one of env and file/),
  token('an admin token that is not there', '{ id: ops, env: NOT_THERE }', /tokens\[0\]: the environment variable NOT_THERE is not set/),
  token('an admin token that is too short', '{ id: ops, env: SHORT_KEY }', /tokens\[0\]: is shorter than 32 bytes/),
  token('an admin token that was typed', '{ id: ops, env: COUNTED_KEY }', /tokens\[0\]: does not look random/),
  token('an admin token that was put there to be replaced', '{ id: ops, env: PLACEHOLDER_KEY }', /tokens\[0\]: does not look random/),
  token('an admin token that no header carries', '{ id: ops, env: TOKEN_WITH_SPACES }', /tokens\[0\]: must be of letters, digits and/),
  token('two admin tokens of one id', '{ id: ops, env: ADMIN_TOKEN }, { id: ops, env: OTHER_ADMIN_TOKEN }', /tokens\[1\]\.id: is also the id of tokens\[0\]/),
  token('NHI-09 one admin token for two', '{ id: ops, env: ADMIN_TOKEN }, { id: helpdesk, env: ADMIN_TOKEN }', /tokens\[1\]: is the same key as admin\.tokens\[0\]/),
  token('NHI-09 a cookie key for an admin token', '{ id: ops, env: COOKIE_KEY }', /tokens\[0\]: is the same key as session\.cookieKeys\[0\]/),
  token('NHI-09 a sealing key for an admin token', '{ id: ops, env: SEALING_KEY }', /tokens\[0\]: is the same key as session\.sealingKeys\[0\]/),
  {
    because: 'NHI-09 the client secret for an admin token',
    change: [
      ['secret: { env: CLIENT_SECRET }', 'secret: { env: OTHER_ADMIN_TOKEN }'],
      [end, `${end}admin: { tokens: [{ id: ops, env: OTHER_ADMIN_TOKEN }] } #!\n`],
    ],
    says: [/tokens\[0\]: is the same key as identityProviders\.main\.clientAuth\.secret/],
  },
  atEnd('WEB-10 administrators on the public port', 'admin: { port: 8080, tokens: [{ id: ops, env: ADMIN_TOKEN }] } #!\n', /admin\.port: is also listen\.port on the same address/),
  bad('WEB-10 administrators on the public port of one address', end, `${end}listen: { host: 10.0.0.7, port: 9090 }\nadmin: { host: 0.0.0.0, tokens: [{ id: ops, env: ADMIN_TOKEN }] } #!\n`, /admin\.port: is also listen\.port/),
  {
    because: 'WEB-10 administrators on the public port of this machine',
    change: [
      [origins, '  - http://localhost:8080\n'],
      [session, `${session}  cookie: { insecure: true }\n`],
      [end, `${end}admin: { host: localhost, port: 8080, tokens: [{ id: ops, env: ADMIN_TOKEN }] } #!\n`],
    ],
    says: [/admin\.port: is also listen\.port/],
  },
]
