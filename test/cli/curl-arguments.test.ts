import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readCurlArguments } from '../../src/cli/native/curl-arguments.ts'

const origin = 'https://app.example.test'
const read = (...args: string[]) => readCurlArguments(args, origin)

describe("curl's command line", () => {
  it('is passed on as it is, with paths made addresses', () => {
    const { args } = read('-sSfXPOST', '/api/orders?a=1', '-H', 'Accept: text/plain', '--json', '{"a":1}', '-o', '-out', '--max-time', '5')

    assert.deepEqual(args, [
      ...['-s', '-S', '-f', '-X', 'POST', '--url', `${origin}/api/orders?a=1`],
      ...['-H', 'Accept: text/plain', '--json', '{"a":1}', '-o', '-out', '--max-time', '5'],
    ])
  })

  it('may name the gateway in full, more than once, and by --url', () => {
    const { args } = read(origin, '--url', `${origin}/a`, '--', `${origin}?b`)

    assert.deepEqual(args, ['--url', origin, '--url', `${origin}/a`, '--url', `${origin}?b`])
  })

  it('takes the value of an option for no address', () => {
    assert.doesNotThrow(() => read('/a', '-d', 'https://evil.test/', '-e', 'https://evil.test/', '-sHX-A: https://evil.test/'))
  })

  const strangers = [
    'https://evil.test/',
    'http://app.example.test/',
    'app.example.test/api',
    `${origin}.evil.test/`,
    `${origin}:8443/`,
    `${origin}@evil.test/`,
    `${origin}\\@evil.test/`,
    `${origin}{,.evil.test}/`,
    'https://{app.example,evil}.test/',
    'HTTPS://APP.EXAMPLE.TEST/',
    'file:///etc/passwd',
    '@urls.txt',
    '',
  ]
  for (const address of strangers) {
    it(`goes nowhere else: ${JSON.stringify(address)}`, () => {
      assert.throws(() => read(address), { name: 'UsageError', message: /the handle is for https:\/\/app\.example\.test alone/ })
      assert.throws(() => read('/a', address), { name: 'UsageError' })
      assert.throws(() => read('--url', address), { name: 'UsageError' })
      assert.throws(() => read('-s', '--', address), { name: 'UsageError' })
    })
  }

  const options = [
    '--location-trusted',
    '--insecure',
    '-k',
    '-sk',
    '--config',
    '-K',
    '--next',
    '-:',
    '--connect-to',
    '--resolve',
    '--unix-socket',
    '--trace',
    '--trace-ascii',
    '--libcurl',
    '--stderr',
    '--doh-url',
    '--dat',
    '--url=x',
    '--variable',
    '--expand-url',
    '--a-new-option',
    '-q',
  ]
  for (const option of options) {
    it(`does not know, or does not allow, ${option}`, () => {
      assert.throws(() => read('/a', option, 'x'), { name: 'UsageError', message: /not allowed here, or not known/ })
    })
  }

  it('says whether curl reads stdin, and whether it prints headers', () => {
    const stdin = [
      ['-d', '@-'],
      ['--data-binary', '@-'],
      ['-T', '-'],
      ['-T', '.'],
      ['-Ffile=@-'],
      ['-F', 'file=<-;type=text/plain'],
      ['--json', '@-'],
    ]

    for (const args of stdin) assert.ok(read('/a', ...args).readsStdin, args.join(' '))
    assert.equal(read('/a', '-d', 'x-').readsStdin, false)
    assert.deepEqual(
      [read('/a', '-sv'), read('/a', '--verbose'), read('/a', '-s')].map(({ isVerbose }) => isVerbose),
      [true, true, false],
    )
  })

  it('needs an address, and a value where curl does', () => {
    assert.throws(() => read('-s'), /what is to be fetched\?/)
    assert.throws(() => read('/a', '-X'), /curl's -X needs a value/)
    assert.throws(() => read('-'), /- is no address/)
  })
})
