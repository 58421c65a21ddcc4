import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { exchangeRaw } from '../support/raw-http.ts'

/*
 * What happened: a sign-out with a body over its 4 KiB was answered with nothing at all. Express reads a refused body
 * to its end before it tells us, and the answer waited for an end that had been: the request's own closing then
 * cancelled the clock that would have ended it all the same.
 *
 * What holds it now: what has been read to its end is answered at once.
 */
describe('A refused body that has been read to its end', () => {
  it('is answered: POST /auth/logout with more than it takes', async t => {
    const gateway = await startGateway()
    t.after(() => gateway.close())
    const body = `form_token=${'x'.repeat(9000)}`
    const type = 'application/x-www-form-urlencoded'

    const response = await exchangeRaw(
      gateway.port,
      `POST /auth/logout HTTP/1.1\r\nHost: ${gateway.host}\r\nOrigin: ${gateway.origin}\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}`,
      body,
    )

    assert.equal(response.status, 413)
    assert.equal(response.header('sallyport-error'), 'body_too_large')
    assert.ok(response.isComplete)
  })
})
