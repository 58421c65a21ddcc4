import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import { eventually } from '../support/eventually.ts'
import { makeSecrets, providerConfig, sessionConfig } from '../support/gateway.ts'
import { startGatewayProcess } from '../support/gateway-process.ts'
import { projectRoot } from '../support/project-files.ts'
import { startUpstream } from '../support/upstream.ts'
import { createVisitor } from '../support/visitor.ts'

const host = 'app.example.test'
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const traceparent = `00-${traceId}-00f067aa0ba902b7-01`

describe('a request, where an OpenTelemetry SDK is loaded', () => {
  it('LOG-11 has a span in the client’s trace, of which the upstream’s is a child, named by its route and not by its path', async t => {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-tracing-'))
    const spansFile = join(folder, 'spans')
    writeFileSync(spansFile, '')
    const upstream = await startUpstream()
    const gateway = await startGatewayProcess({
      host,
      config: {
        origins: [`https://${host}`],
        listen: { host: '127.0.0.1', port: 0 },
        identityProviders: { main: providerConfig(undefined) },
        session: sessionConfig(),
        routes: [{ path: '/api', upstream: upstream.origin, access: 'anyone', kind: 'api', methods: ['GET'] }],
      },
      env: {
        CLIENT_SECRET: 'a-secret-of-no-use',
        ...makeSecrets(),
        SPANS_FILE: spansFile,
        NODE_OPTIONS: `--import ${pathToFileURL(join(projectRoot, 'test/support/tracing-sdk.ts'))}`,
      },
    })
    t.after(async () => {
      await Promise.all([gateway.kill(), upstream.close()])
      rmSync(folder, { recursive: true })
    })
    const visitor = createVisitor(gateway)

    await visitor.call('/api/orders/4711', { headers: { traceparent, tracestate: 'vendor=1' } })
    await visitor.call('/api/orders/4711?q=query-canary', {
      method: 'DELETE',
      headers: { authorization: 'Bearer header-canary', cookie: 'c=cookie-canary' },
    })

    const spans = await eventually(() => {
      const lines = readFileSync(spansFile, 'utf8')
        .split('\n')
        .filter(Boolean)
        .map(line => JSON.parse(line))
      return lines.filter(({ name }) => name !== 'start').length === 2 && lines.filter(({ name }) => name !== 'start')
    })
    assert.doesNotMatch(readFileSync(spansFile, 'utf8'), /canary|4711/)
    const [seen] = upstream.requests
    assert.deepEqual(
      spans.map(({ name, parent, attributes }) => [name, parent, attributes]),
      [
        ['GET /api', '00f067aa0ba902b7', { 'http.request.method': 'GET', 'http.route': '/api', 'http.response.status_code': 200 }],
        [
          'DELETE /api',
          null,
          { 'http.request.method': 'DELETE', 'http.route': '/api', 'http.response.status_code': 405, 'error.type': 'method_not_allowed' },
        ],
      ],
    )
    assert.deepEqual([seen?.all('traceparent'), seen?.all('tracestate')], [[`00-${traceId}-${spans[0]?.id}-01`], ['vendor=1']])
  })
})
