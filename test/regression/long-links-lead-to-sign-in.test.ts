import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { createVisitor } from '../support/visitor.ts'

/*
 * What happened: a signed-out person who opened a protected page by a link of some thousand characters was sent to a
 * sign-in whose address, with the link in it, was three times as long: over our own limit (414), or over what a proxy
 * takes for a header (502). Nobody could sign in there.
 *
 * What holds it now: a link that a sign-in would not keep anyway is not handed to it.
 */
describe('A signed-out visit to a protected page by a link that is too long to come back to', () => {
  for (const length of [2049, 5000, 8000]) {
    it(`is sent to a sign-in that takes place: ${length} characters`, async t => {
      const gateway = await startGateway()
      t.after(() => gateway.close())
      const visitor = createVisitor(gateway)

      const refused = await visitor.visit('/reports?'.padEnd(length, '/&='))
      const signIn = await visitor.visit(String(refused.headers.location))

      assert.equal(refused.status, 302)
      assert.equal(refused.headers.location, '/auth/login')
      // As far as the provider, which this gateway does not reach.
      assert.equal(signIn.headers['sallyport-error'], 'idp_unavailable')
    })
  }

  it('is come back to as long as it can be kept', async t => {
    const gateway = await startGateway()
    t.after(() => gateway.close())
    const link = '/reports?'.padEnd(2048, '/&=')

    const refused = await createVisitor(gateway).visit(link)

    assert.equal(refused.headers.location, `/auth/login?return_to=${encodeURIComponent(link)}`)
  })
})
