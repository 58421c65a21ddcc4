import assert from 'node:assert/strict'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import { type AdminPort, startAdminPort } from '../support/admin-port.ts'

let admin: AdminPort

beforeEach(async () => {
  admin = await startAdminPort()
})

afterEach(() => admin.close())

const ask = (path: string, method = 'GET') => fetch(admin.url + path, { method, headers: { authorization: `Bearer ${admin.token}` } })

describe('GET /admin/secrets', () => {
  it('lists what was read from files and how old that is, and is in the audit', async () => {
    const response = await ask('/admin/secrets')

    assert.deepEqual(await response.json(), {
      secrets: [{ secret: 'session.cookieKeys[0]', modified_at: '2026-11-22T11:58:29Z', age_seconds: 90 }],
    })
    assert.deepEqual(
      admin.audit.map(({ event, reason, route, outcome }) => [event, reason, route, outcome]),
      [['admin', 'list_secrets', '/admin/secrets', 'ok']],
    )
  })

  it('takes no parameter and no other method', async () => {
    assert.equal((await ask('/admin/secrets?provider=main')).status, 400)
    assert.equal((await ask('/admin/secrets', 'DELETE')).status, 405)
    assert.equal((await fetch(`${admin.url}/admin/secrets`)).status, 401)
  })
})

describe('sallyport secrets status', () => {
  async function status(...args: readonly string[]) {
    const out: string[] = []
    const terminal = {
      env: { SALLYPORT_ADMIN_TOKEN: admin.token },
      print: (text: string) => void out.push(text),
      remark: (text: string) => void out.push(text),
      strong: (text: string) => text,
    }
    return { code: await run(['secrets', 'status', '--admin', admin.url, ...args], terminal), out: out.join('\n') }
  }

  it('shows the same as a table, and as JSON', async () => {
    assert.deepEqual(await status(), { code: 0, out: 'SECRET                 AGE\nsession.cookieKeys[0]  1 min' })

    assert.equal(JSON.parse((await status('--json')).out).secrets[0].age_seconds, 90)
  })
})
