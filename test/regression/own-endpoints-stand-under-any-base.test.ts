import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { exchangeRaw } from '../support/raw-http.ts'

/*
 * What happened: paths.base went to Express as it was, which reads ( ) + ! : and * as pattern. With some of them
 * `config check` was content and the start failed with an error about regular expressions; others matched more than
 * they said.
 *
 * What holds it now: the base is text to Express.
 */
describe('paths.base', () => {
  for (const base of ['/(sign-in)', '/a+b', '/a!', '/:x', '/a*b']) {
    it(`may be ${base}, like any other path`, async t => {
      const gateway = await startGateway({ config: { paths: { base } } })
      t.after(() => gateway.close())

      const response = await exchangeRaw(gateway.port, `GET ${base}/session HTTP/1.1\r\nHost: ${gateway.host}\r\nX-CSRF: 1`)

      assert.equal(response.status, 200)
      assert.equal(response.json().login_url, `${base}/login`)
    })
  }
})
