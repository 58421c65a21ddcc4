import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { loadConfig } from '../../src/config/load.ts'
import { ConfigError, type Mistake } from '../../src/config/mistakes.ts'
import { base, makeEnv } from '../data/config/base.ts'

const env = makeEnv()
let folder = ''

before(() => {
  folder = mkdtempSync(join(tmpdir(), 'sallyport-load-'))
})

after(() => {
  rmSync(folder, { recursive: true })
})

/** Writes a file below the test's folder. */
function write(name: string, content: string | Buffer): string {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
  return file
}

function mistakesOf(files: readonly string[]): readonly Mistake[] {
  try {
    loadConfig(files, env)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    return error.mistakes
  }
  return []
}

/** File name, line and message of each mistake. */
function placesOf(files: readonly string[]): string[] {
  return mistakesOf(files).map(({ file = '', line, message }) => `${file.slice(folder.length + 1)}:${line} ${message}`)
}

describe('several files', () => {
  it('are laid over each other: maps merge, lists replace', () => {
    const first = write('base.yaml', `${base}log: { level: debug }\npages: { name: Base, support: ask }\n`)
    const second = write('over.yaml', 'pages: { name: Over }\nroutes: [{ path: /only, upstream: http://only:1 }]\n')

    const config = loadConfig([first, second], env)

    assert.deepEqual(config.pages, { name: 'Over', support: 'ask' })
    assert.deepEqual(
      config.routes.map(({ path }) => path),
      ['/only'],
    )
    assert.equal(config.log.level, 'debug')
  })

  it('may take a secret from elsewhere than the one before', () => {
    const secret = randomBytes(24).toString('base64url')
    write('other/secrets/client', secret)
    const first = write('base.yaml', base)
    const second = write('other/over.yaml', 'identityProviders: { main: { clientAuth: { secret: { file: secrets/client } } } }\n')

    const config = loadConfig([first, second], env)

    assert.deepEqual(config.identityProviders[0]?.clientAuth, { method: 'client_secret_basic', secret })
  })

  it('keep their providers in the order in which they were first named', () => {
    const provider = 'issuer: https://b.example.test, clientId: b, clientAuth: { secret: { env: OTHER_SECRET } }, allow: everyone'
    const first = write('base.yaml', base)
    const second = write('over.yaml', `identityProviders: { another: { ${provider} }, main: { label: Main } }\n`)

    const { identityProviders } = loadConfig([first, second], env)

    assert.deepEqual(
      identityProviders.map(({ id, label }) => [id, label]),
      [
        ['main', 'Main'],
        ['another', 'another'],
      ],
    )
  })

  it('OPS-01 each have their own mistakes told, in order', () => {
    const first = write('base.yaml', base.replace('clientId: sallyport', 'clientId: 7'))
    const second = write('over.yaml', '\nlog: { level: loud }\npages: { nam: X }\n')

    assert.deepEqual(placesOf([first, second]), [
      'base.yaml:6 must be a text: put it in quotes',
      'over.yaml:2 must be one of trace, debug, info, warn, error, silent',
      'over.yaml:3 is not an option; did you mean name?',
    ])
  })

  it('are blamed for what they overrode', () => {
    const first = write('base.yaml', `${base}log: { level: info }\n`)
    const second = write('over.yaml', 'session: { idleTimeout: 20h }\n')

    assert.deepEqual(placesOf([first, second]), ['over.yaml:1 is longer than absoluteTimeout, so it would never matter: make it shorter'])
  })

  it('may be empty, or only comments', () => {
    const files = [write('base.yaml', base), write('empty.yaml', ''), write('comments.yaml', '# nothing yet\n')]

    assert.equal(mistakesOf(files).length, 0)
  })
})

describe('a file', () => {
  it('that is not there is named', () => {
    const file = join(folder, 'missing.yaml')

    const [mistake] = mistakesOf([file])

    assert.match(mistake?.message ?? '', /missing\.yaml does not exist/)
    assert.equal(mistake?.file, file)
  })

  it('that is empty lacks everything that must be there', () => {
    assert.deepEqual(
      mistakesOf([write('empty.yaml', '')]).map(({ path }) => path.join('.')),
      ['origins', 'identityProviders', 'session', 'routes'],
    )
  })

  it('may be JSON', () => {
    const json = '{"log": {"level": "warn"}}'

    assert.equal(loadConfig([write('base.yaml', base), write('over.json', json)], env).log.level, 'warn')
  })

  it('may repeat itself by anchors and aliases', () => {
    const text = base
      .replace('token: access\n', 'token: access\n    timeouts: &slow { headers: 5m }\n')
      .replace('access: anyone\n', 'access: anyone\n    timeouts: *slow\n')

    const { routes } = loadConfig([write('base.yaml', text)], env)

    assert.deepEqual(
      routes.map(({ timeouts }) => timeouts.headersMs),
      [300_000, 300_000],
    )
  })

  it('that grows when it is read is refused', () => {
    const laughs = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`)
    const file = write('laughs.yaml', ['l0: &l0 [x]', ...laughs].join('\n'))

    assert.match(placesOf([file]).join(), /too many aliases/)
  })

  it('that is nested without end is refused', () => {
    assert.match(placesOf([write('deep.yaml', `log: ${'['.repeat(200_000)}`)]).join(), /nested too deeply|not valid YAML|not indented/)
  })

  it('that is no map is refused', () => {
    assert.deepEqual(placesOf([write('list.yaml', '- origins\n')]), ['list.yaml:1 must hold options, one `name: value` a line'])
  })

  it('that is larger than a configuration can be is not read', () => {
    assert.match(mistakesOf([write('large.yaml', '#'.repeat(1024 * 1024 + 1))])[0]?.message ?? '', /is larger than 1 MiB/)
  })

  it('that is not text is refused', () => {
    assert.match(mistakesOf([write('binary.yaml', Buffer.of(0x6c, 0xff, 0xfe))])[0]?.message ?? '', /is not UTF-8 text/)
  })

  it('NHI-02 that cannot be parsed is not quoted', () => {
    const secret = randomBytes(16).toString('hex')
    const broken = [
      `secret: "${secret}\n`,
      `secret: @${secret}\n`,
      `- ${secret}: : x\n  y`,
      `? ${secret}\n: *${secret}\n`,
      `secret: !<${secret}> x\n`,
    ]

    for (const text of broken) {
      const told = placesOf([write('broken.yaml', text)])

      assert.ok(told.length > 0)
      assert.ok(!told.join().includes(secret), text)
    }
  })
})

describe('a value from a file', () => {
  it('is found from the folder of the configuration, and loses the newline at its end', () => {
    const secret = randomBytes(24).toString('base64url')
    write('conf/secrets/client', `${secret}\n`)
    const file = write('conf/gateway.yaml', base.replace('{ env: CLIENT_SECRET }', '{ file: secrets/client }'))

    assert.deepEqual(loadConfig([file], env).identityProviders[0]?.clientAuth, { method: 'client_secret_basic', secret })
  })

  it('of the session is read likewise, beside the id of its key', () => {
    const key = randomBytes(32)
    write('conf/secrets/seal', `${key.toString('base64')}\r\n`)
    const file = write('conf/gateway.yaml', base.replace('env: SEALING_KEY', 'file: secrets/seal'))

    assert.deepEqual(loadConfig([file], env).session.sealingKeys, [{ id: 'k1', key }])
  })

  it('must not be large, empty or anything but text', () => {
    const wrong = [
      ['secrets/large', Buffer.alloc(1024 * 1024 + 1, 'x'), /is larger than 1 MiB/],
      ['secrets/empty', '\n', /is empty/],
      ['secrets/binary', Buffer.of(0xff, 0xfe, 0xfd), /is not UTF-8 text/],
    ] as const

    for (const [name, content, says] of wrong) {
      write(name, content)
      const file = write('gateway.yaml', base.replace('env: CLIENT_SECRET', `file: ${name}`))

      const [mistake, ...more] = mistakesOf([file])

      assert.match(mistake?.message ?? '', says)
      assert.deepEqual(more, [])
      assert.equal(mistake?.line, 8)
    }
  })

  it('must be in a file, not a device or pipe that never ends', () => {
    const file = write('gateway.yaml', base.replace('env: CLIENT_SECRET', 'file: /dev/zero'))

    assert.match(mistakesOf([file])[0]?.message ?? '', /\/dev\/zero is not a file/)
  })
})
