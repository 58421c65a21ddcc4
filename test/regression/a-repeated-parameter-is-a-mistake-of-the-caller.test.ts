import assert from 'node:assert/strict'
import { it } from 'node:test'
import request from 'supertest'
import { startGateway } from '../support/gateway.ts'
import { nativeClients, post } from '../support/native-client.ts'

/*
 * What happened: a parameter that stood twice in the address of /device, in its form, or in that of the approval was
 * answered with 500 and logged as a fault of the gateway: an OAuthError came to where pages are made, which know none.
 *
 * What holds it now: src/native/read-form.ts has `onPage`, by which these pages read.
 */
it('A parameter that stands twice on a page of the authorization server is 400, and no fault of ours', async t => {
  const gateway = await startGateway({ config: { native: { clients: nativeClients } } })
  t.after(gateway.close)
  const twice = 'user_code=a&user_code=b'

  const answers = [
    await request(`http://127.0.0.1:${gateway.port}`).get(`/device?${twice}`).set('host', gateway.host),
    await post(gateway, '/device', twice),
    await post(gateway, '/oauth/approve/AAAAAAAAAAAAAAAAAAAAAA', 'form_token=a&form_token=b'),
  ]

  assert.deepEqual(
    answers.map(({ status, headers }) => [status, headers['sallyport-error']]),
    answers.map(() => [400, 'bad_request']),
  )
  assert.deepEqual(
    gateway.lines.filter(({ event }) => event === 'unexpected_error'),
    [],
  )
})
