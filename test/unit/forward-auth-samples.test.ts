import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { projectFiles, readProjectFile } from '../support/project-files.ts'
import { sampleOf } from '../support/proxy-program.ts'

const gateway = parse(sampleOf('yaml')) as { routes: { identityHeaders?: Record<string, string> }[] }
const copied = ['authorization', 'cookie', 'x-auth-assertion', ...gateway.routes.flatMap(route => Object.keys(route.identityHeaders ?? {}))]
const wanted = [...new Set(copied.map(name => name.toLowerCase()))].toSorted()

/** What a sample names, sorted, in lower case. */
function named(sample: string, pattern: RegExp): string[] {
  return [...sample.matchAll(pattern)].map(([, name = '']) => name.toLowerCase()).toSorted()
}

interface Envoy {
  readonly http_connection_manager: {
    readonly use_remote_address: boolean
    readonly http_filters: readonly {
      readonly typed_config: {
        readonly failure_mode_allow: boolean
        readonly allowed_headers: { readonly patterns: readonly Record<'exact' | 'prefix', string>[] }
        readonly http_service: {
          readonly path_prefix: string
          readonly authorization_response: {
            readonly allowed_upstream_headers: { readonly patterns: readonly { readonly exact: string }[] }
          }
        }
      }
    }[]
  }
}

function envoySample() {
  const { http_connection_manager: manager } = parse(sampleOf('yaml', undefined, 'Envoy')) as Envoy
  return manager.http_filters[0]?.typed_config ?? assert.fail('no filter')
}

describe('the samples in docs/forward-auth.md', () => {
  it('HDR-02 copy every header of the configuration beside them, and the three that are always there', () => {
    assert.deepEqual(named(sampleOf('nginx'), /proxy_set_header (\S+) \$sallyport_/g), wanted)
    assert.deepEqual(named(sampleOf('caddyfile'), /request_header -([A-Z][A-Za-z-]+)$/gm), wanted)
    assert.deepEqual(named(sampleOf('caddyfile'), /request_header @\w+ (\S+)/g), wanted)
    assert.deepEqual(named(/local copied = \{(.*)\}/.exec(sampleOf('lua'))?.[1] ?? '', /"([^"]+)"/g), wanted)

    const traefik = parse(sampleOf('yaml', undefined, 'Traefik')) as {
      http: { middlewares: { sallyport: { forwardAuth: { authResponseHeaders: string[] } } } }
    }
    const { forwardAuth } = traefik.http.middlewares.sallyport
    assert.deepEqual(forwardAuth.authResponseHeaders.map(name => name.toLowerCase()).toSorted(), wanted)
    const { patterns } = envoySample().http_service.authorization_response.allowed_upstream_headers
    assert.deepEqual(patterns.map(({ exact }) => exact).toSorted(), wanted)
  })

  it('HDR-12 believe no client that says what is asked for', () => {
    assert.ok(!sampleOf('yaml', undefined, 'Traefik').includes('trustForwardHeader'))
    assert.match(sampleOf('nginx'), /X-Original-URI \$request_uri;/)
    assert.ok(!/\$uri|\$http_host/.test(sampleOf('nginx')))
  })

  it('let nobody through when nobody answers, with Envoy too', () => {
    assert.deepEqual([envoySample().failure_mode_allow, envoySample().http_service.path_prefix], [false, '/verify'])
  })

  // Envoy sends nothing else: a stage that begins to read a header needs it there.
  it('have Envoy send every header that a stage reads', () => {
    const files = ['client-address', 'cors', 'fetch-metadata', 'request-id', 'target'].map(name => `src/http/${name}.ts`)
    const read = [...files, ...projectFiles('src/request').filter(file => /\/(stages|cross-site)\.ts$/.test(file))]
      .map(readProjectFile)
      .join('\n')
      .matchAll(/(?<![-\w])headers(?:\.([a-z]+)\b(?!\()|\['([a-z-]+)'\])/g)
    const names = new Set([...read].map(([, plain, quoted]) => plain ?? quoted ?? ''))
    // Told by the dialect; of our own endpoints; of the answer to a preflight, which is not given here.
    for (const name of ['host', 'x-forwarded-host', 'sec-purpose', 'purpose', 'x-moz', 'access-control-request-headers']) names.delete(name)

    // By itself it sends this one, whatever the list says.
    names.delete('authorization')
    const { patterns } = envoySample().allowed_headers
    const missing = [...names].filter(
      name => !patterns.some(({ exact, prefix }) => name === exact || (prefix !== undefined && name.startsWith(prefix))),
    )

    assert.ok(names.size >= 10, [...names].join())
    assert.deepEqual(missing, [])
  })
})
