import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { describe, it } from 'node:test'

/*
 * What happened: the first line that a full disk refused, of the log or of the audit file, ended the gateway with an
 * uncaught error, and on its way out it tried for ever to write the rest: a gateway that neither answered nor exited.
 *
 * What holds it now: a failing output is told once, keeps what it can up to a bound, and is left behind at the end.
 */
describe('A log or audit file on a full disk', () => {
  it('LOG-09 is told once, costs no request, and does not keep the program from exiting', { timeout: 10_000 }, async t => {
    // Linux alone has such a device.
    const program = `
      import { createLog, openOutput } from ${JSON.stringify(new URL('../../src/ops/log.ts', import.meta.url).href)}
      const destination = openOutput({ file: '/dev/full' }, error => console.log('told', error.code))
      const log = createLog({ level: 'info', destination, now: Date.now, service: 'sallyport' })
      for (let line = 0; line < 3; line++) {
        const attempt = new Promise(resolve => destination.once('error', resolve))
        log.write('info', 'request')
        await attempt
      }
      console.log('alive')`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))

    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])

    assert.equal(errors, '')
    assert.equal(output, 'told ENOSPC\nalive\n')
    assert.equal(code, 0)
  })
})
