import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { type OAuthClientProvider, UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { OAuthClientInformationMixed, OAuthTokens } from '@modelcontextprotocol/sdk/shared/auth.js'
import { createPerson, follow, type Listener, listenForAnswer, type Person } from '../support/native-person.ts'
import { type Stage, startStage } from '../support/stage.ts'

const documentId = 'https://editor.example/oauth/client.json'

describe('an MCP client, as the SDK makes them', () => {
  let stage: Stage
  let person: Person
  let fetched: string[]
  before(async () => {
    fetched = []
    stage = await startStage({
      https: false,
      change: config => ({
        ...config,
        native: { ...config.native, clientIdMetadata: { allow: [documentId], scopes: ['orders.read'] } },
      }),
      deps: {
        fetchDocument: async url => {
          fetched.push(url.href)
          const document = { client_id: documentId, client_name: 'Editor', redirect_uris: ['http://127.0.0.1:3000/callback'] }
          return { body: Buffer.from(JSON.stringify(document)), cacheControl: '' }
        },
      },
    })
    person = createPerson(stage)
  })
  after(() => Promise.all([person.close(), stage.close()]))

  /** A client that knows the address of its server, and who it is itself; and what it has asked for on its way. */
  async function createProgram(identity: { readonly client_id: string } | { readonly clientMetadataUrl: string }) {
    const listener: Listener = await listenForAnswer()
    const kept: { information?: OAuthClientInformationMixed; tokens?: OAuthTokens; verifier?: string; url?: URL } = {}
    if ('client_id' in identity) kept.information = identity
    const provider: OAuthClientProvider = {
      redirectUrl: listener.redirectUri,
      clientMetadata: { client_name: 'A program', redirect_uris: [listener.redirectUri] },
      ...('clientMetadataUrl' in identity ? identity : {}),
      state: () => 'a state',
      clientInformation: () => kept.information,
      saveClientInformation(information) {
        kept.information = information
      },
      tokens: () => kept.tokens,
      saveTokens(tokens) {
        kept.tokens = tokens
      },
      redirectToAuthorization(url) {
        kept.url = url
      },
      saveCodeVerifier(verifier) {
        kept.verifier = verifier
      },
      codeVerifier: () => kept.verifier ?? '',
    }
    const asked: string[] = []
    const createTransport = () =>
      new StreamableHTTPClientTransport(new URL('/mcp', stage.gateway), {
        authProvider: provider,
        async fetch(url, init) {
          const response = await fetch(url, init)
          asked.push(`${init?.method ?? 'GET'} ${new URL(url).pathname} ${response.status}`)
          return response
        },
      })
    const connect = async (transport = createTransport()) => {
      const client = new Client({ name: 'program', version: '1.0.0' })
      await client.connect(transport as Parameters<typeof client.connect>[0])
      return client
    }

    /** From the refusal through the browser to the code, which it redeems. */
    async function signIn() {
      const transport = createTransport()
      await assert.rejects(connect(transport), UnauthorizedError)
      await follow(await person.letIn(kept.url ?? ''))
      const { searchParams } = await listener.arrival
      listener.close()
      await transport.finishAuth(searchParams.get('code') ?? '')
      return kept.url?.searchParams ?? new URLSearchParams()
    }
    return { kept, asked, signIn, connect }
  }

  async function callTools(client: Client) {
    const { tools } = await client.listTools()
    const { content } = await client.callTool({ name: 'list_orders', arguments: {} })
    await client.close()
    return { names: tools.map(({ name }) => name), text: (content as { text: string }[])[0]?.text ?? '' }
  }

  it('finds its way from the address of the server alone, signs in, and calls a tool', async () => {
    const program = await createProgram({ client_id: 'mcp' })

    const request = await program.signIn()
    const { names, text } = await callTools(await program.connect())

    const asked = [...new Set(program.asked)]
    assert.deepEqual(asked.slice(0, 5), [
      'POST /mcp 401',
      'GET /.well-known/oauth-protected-resource/mcp 200',
      'GET /.well-known/oauth-authorization-server 200',
      'POST /oauth/token 200',
      'POST /mcp 200',
    ])
    assert.deepEqual(
      ['client_id', 'resource', 'scope', 'code_challenge_method'].map(name => request.get(name)),
      ['mcp', `${stage.gateway}/mcp`, 'orders.read', 'S256'],
    )
    assert.deepEqual(names, ['list_orders', 'add_order'])
    assert.match(text, /Lantern/)
    assert.match(program.kept.tokens?.access_token ?? '', /^spt_/)
    assert.equal(program.kept.tokens?.refresh_token, undefined)
  })

  it('gets a handle for its server, and for nothing beside it', async () => {
    const program = await createProgram({ client_id: 'mcp' })
    await program.signIn()

    const response = await fetch(`${stage.gateway}/api/orders`, {
      headers: { authorization: `Bearer ${program.kept.tokens?.access_token}` },
    })

    assert.deepEqual([response.status, response.headers.get('sallyport-error')], [403, 'insufficient_scope'])
  })

  it('never sees a token of the provider, and neither does the server see the handle', async () => {
    const program = await createProgram({ client_id: 'mcp' })
    await program.signIn()
    const client = await program.connect()

    const { content } = await client.callTool({ name: 'add_order', arguments: { item: 'Compass' } })
    await client.close()

    // The server has checked the signature of the token that it got, and the scopes in it.
    assert.match((content as { text: string }[])[0]?.text ?? '', /"item":"Compass","by":"alice"/)
    const seen = JSON.stringify(program.kept)
    assert.deepEqual(
      [...stage.issued].filter(token => seen.includes(token)),
      [],
    )
  })

  it('signs in by the address of its own document, without any registration', async () => {
    const program = await createProgram({ clientMetadataUrl: documentId })

    const request = await program.signIn()
    const { text } = await callTools(await program.connect())

    assert.equal(request.get('client_id'), documentId)
    assert.ok(!program.asked.some(line => line.includes('register')))
    assert.deepEqual(fetched, [documentId])
    assert.match(text, /Lantern/)
  })

  it('does not register itself: nobody lets in whom nobody has let in', async () => {
    const program = await createProgram({ clientMetadataUrl: 'https://stranger.example/client.json' })

    await assert.rejects(program.signIn(), /the sign-in does not begin: 400/)
    assert.deepEqual(
      fetched.filter(href => href.includes('stranger')),
      [],
    )
  })

  it('NHI-10 is asked to sign in anew when its session has ended, and stands in the audit as itself', async () => {
    const program = await createProgram({ client_id: 'mcp' })
    await program.signIn()
    const client = await program.connect()
    const token = program.kept.tokens?.access_token ?? ''
    await fetch(`${stage.gateway}/oauth/revoke`, { method: 'POST', body: new URLSearchParams({ token }) })

    const failure = await client.listTools().catch(error => error)
    await client.close()

    assert.ok(failure instanceof UnauthorizedError, String(failure))
    const { kind, client_id } = stage.audit.findLast(({ event }) => event === 'logout') ?? {}
    assert.deepEqual([kind, client_id], ['native', 'mcp'])
  })
})
