import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { createPerson, follow, listenForAnswer, type Person } from '../support/native-person.ts'
import { type Stage, startStage } from '../support/stage.ts'

// golang.org/x/oauth2 with AuthStyleAutoDetect, by hand: it does not know how a server takes the client's name, so it
// posts the code with Basic first, and when that is refused a second time with client_id in the form
// (internal/token.go, RetrieveToken; golang/oauth2#373).
describe('the requests of golang.org/x/oauth2', () => {
  let stage: Stage
  let person: Person
  before(async () => {
    stage = await startStage({ https: false })
    person = createPerson(stage)
  })
  after(() => Promise.all([person.close(), stage.close()]))

  async function getCode() {
    const listener = await listenForAnswer()
    const verifier = randomBytes(32).toString('base64url')
    const query = new URLSearchParams({
      client_id: 'mcp',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
      code_challenge_method: 'S256',
      redirect_uri: listener.redirectUri,
      response_type: 'code',
      scope: 'orders.read',
      state: 'x',
    })
    await follow(await person.letIn(`${stage.gateway}/oauth/authorize?${query}`))
    const code = (await listener.arrival).searchParams.get('code') ?? ''
    listener.close()
    return { code, code_verifier: verifier, grant_type: 'authorization_code', redirect_uri: listener.redirectUri }
  }

  const inHeader = (form: Record<string, string>, client = 'mcp:') =>
    fetch(`${stage.gateway}/oauth/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(client)}`, 'user-agent': 'Go-http-client/1.1' },
      body: new URLSearchParams(form),
    })
  const inParams = (form: Record<string, string>) =>
    fetch(`${stage.gateway}/oauth/token`, {
      method: 'POST',
      headers: { 'user-agent': 'Go-http-client/1.1' },
      body: new URLSearchParams({ ...form, client_id: 'mcp' }),
    })
  const call = (token: string) => fetch(`${stage.gateway}/api/orders`, { headers: { authorization: `Bearer ${token}` } })

  it('NAT-28 sign in at the first one: Basic with an empty secret, no client_id in the form', async () => {
    const response = await inHeader(await getCode())

    const { access_token: token, token_type: type, expires_in: seconds } = (await response.json()) as Record<string, unknown>
    assert.deepEqual([response.status, type, Number.isInteger(seconds)], [200, 'Bearer', true])
    assert.equal((await call(String(token))).status, 200)
  })

  it('sign in at the second one: a first that was refused has cost nothing, and was no replay', async () => {
    const form = await getCode()

    // A developer who has put in a secret, as other servers want one.
    const first = await inHeader(form, 'mcp:a-secret')
    const second = await inParams(form)

    const { access_token: token } = (await second.json()) as Record<string, string>
    assert.deepEqual([first.status, second.status], [401, 200])
    assert.equal((await call(token ?? '')).status, 200)
    assert.deepEqual(
      stage.audit.filter(({ event }) => event === 'replay'),
      [],
    )
  })

  it('sign in with client_id in the form alone, as once the style is known', async () => {
    assert.equal((await inParams(await getCode())).status, 200)
  })
})
