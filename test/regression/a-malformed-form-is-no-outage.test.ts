import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startGateway } from '../support/gateway.ts'
import { startIdentityProvider } from '../support/identity-provider.ts'
import { createRun, decide, nativeClients, reachApproval } from '../support/native-client.ts'
import { createVisitor } from '../support/visitor.ts'

/*
 * What happened: a parameter that stood twice at /device, or in the form of the approval, was answered 500 and logged as
 * a defect of ours: anybody could raise an operator's alarm with a link.
 *
 * What holds it now: wherever a person's request is malformed, they see a page that says so, and the audit has it.
 */
describe('A malformed request of a person', () => {
  it('is 400 on a page, and no error in the log', async t => {
    const idp = await startIdentityProvider()
    const gateway = await startGateway({ idp, config: { native: { clients: nativeClients } } })
    t.after(() => Promise.all([gateway.close(), idp.close()]))
    const visitor = createVisitor(gateway)
    const approval = await reachApproval(visitor, idp, createRun())

    const answers = [
      await visitor.visit('/device?user_code=a&user_code=b'),
      await visitor.visit('/device', { method: 'POST', body: 'user_code=a&user_code=b' }),
      await visitor.visit(approval.path, { method: 'POST', body: 'decision=approve&decision=deny' }),
      await visitor.visit('/oauth/authorize?client_id=cli&client_id=other', { site: 'none' }),
    ]

    for (const { status, headers } of answers) {
      assert.deepEqual([status, headers['content-type'], headers.location], [400, 'text/html; charset=utf-8', undefined])
    }
    assert.deepEqual(
      gateway.lines.filter(({ level }) => level === 'error'),
      [],
    )
    assert.equal(gateway.audit.filter(({ reason }) => reason === 'parameter_repeated').length, 4)
    // It has cost nobody their sign-in.
    assert.equal((await decide(visitor, approval, 'approve')).status, 200)
  })
})
