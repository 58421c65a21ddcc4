import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { parse } from 'yaml'
import { build, find, type Resource, samples } from '../support/kustomize.ts'
import { configFilesOf } from '../support/pod.ts'
import { sampleOf } from '../support/proxy-program.ts'

const built = new Map(samples.map(sample => [sample, build(sample)]))

/** Envoy Gateway v1alpha1, as far as it is used: api/v1alpha1/ext_auth_types.go there. No package has its types. */
interface SecurityPolicy {
  readonly targetRefs: readonly { readonly kind: string; readonly name: string }[]
  readonly extAuth: {
    readonly failOpen: boolean
    readonly headersToExtAuth: readonly string[]
    readonly http: { readonly path: string; readonly backendRefs: readonly Backend[]; readonly headersToBackend: readonly string[] }
  }
}

interface Backend {
  readonly name: string
  readonly namespace?: string
  readonly port: number | string
}

describe('the samples of proxies that ask', () => {
  it('HDR-02 copy every header that a route may set, and those that are always there', () => {
    const traefik = find(sample('traefik'), 'Middleware').spec as { forwardAuth: { authResponseHeaders: string[] } }
    const { extAuth } = find(sample('envoy-gateway'), 'SecurityPolicy').spec as SecurityPolicy
    const nginx = nginxFiles()['sallyport.conf'] ?? ''

    assert.deepEqual(lower(traefik.forwardAuth.authResponseHeaders), wantedHeaders('traefik'))
    assert.deepEqual(lower(extAuth.http.headersToBackend), wantedHeaders('envoy-gateway'))
    assert.deepEqual(
      lower([...nginx.matchAll(/proxy_set_header (\S+) \$sallyport_/g)].map(([, name = '']) => name)),
      wantedHeaders('nginx'),
    )
  })

  it('HDR-12 take no answer for no, and believe no client that says what is asked for', () => {
    const { forwardAuth } = find(sample('traefik'), 'Middleware').spec as { forwardAuth: { trustForwardHeader: boolean; address: string } }
    const { extAuth, targetRefs } = find(sample('envoy-gateway'), 'SecurityPolicy').spec as SecurityPolicy

    assert.equal(forwardAuth.trustForwardHeader, false)
    assert.equal(extAuth.failOpen, false)
    assert.equal(extAuth.http.path, '/verify')
    assert.match(forwardAuth.address, /\/verify$/)
    assert.deepEqual(
      targetRefs.map(({ kind, name }) => `${kind} ${name}`),
      ['HTTPRoute app'],
    )
  })

  it("send what is the gateway's own to its public port, without asking", () => {
    const traefik = find(sample('traefik'), 'IngressRoute').spec as {
      routes: { match: string; middlewares?: object[]; services: Backend[] }[]
    }
    const [own] = traefik.routes.filter(route => route.middlewares === undefined)
    const envoy = find(sample('envoy-gateway'), 'HTTPRoute', 'sallyport').spec as {
      rules: { matches: { path: object }[]; backendRefs: Backend[] }[]
    }

    assert.match(own?.match ?? '', /Path\(`\/auth`\) \|\| PathPrefix\(`\/auth\/`\) \|\| Path\(`\/\.well-known\/sallyport-jwks\.json`\)/)
    assert.deepEqual(own?.services, [{ name: 'sallyport', port: 'http' }])
    assert.deepEqual(
      envoy.rules.flatMap(rule => rule.matches.map(({ path }) => path)),
      [
        { type: 'PathPrefix', value: '/auth' },
        { type: 'Exact', value: '/.well-known/sallyport-jwks.json' },
      ],
    )
  })

  // Envoy sends no other headers than these: without one of them people are refused for what they may do.
  it('tell Envoy Gateway to send what the documentation has Envoy send', () => {
    const { extAuth } = find(sample('envoy-gateway'), 'SecurityPolicy').spec as SecurityPolicy
    const envoy = sampleOf('yaml', undefined, 'Envoy')
    const patterns = [...(/allowed_headers:(.*?)http_service:/s.exec(envoy)?.[1] ?? '').matchAll(/\{ (exact|prefix): (\S+) \}/g)]

    const missing = patterns.filter(
      ([, how, name = '']) => !extAuth.headersToExtAuth.some(sent => (how === 'exact' ? sent === name : sent.startsWith(name))),
    )

    assert.ok(patterns.length > 5)
    assert.deepEqual(
      missing.map(([, , name]) => name),
      [],
    )
    assert.ok(['site', 'mode', 'dest', 'user'].every(word => extAuth.headersToExtAuth.includes(`sec-fetch-${word}`)))
  })

  it('have no member that Envoy Gateway does not know', () => {
    const { apiVersion, spec } = find(sample('envoy-gateway'), 'SecurityPolicy')
    const known = {
      spec: ['targetRefs', 'extAuth'],
      extAuth: ['failOpen', 'headersToExtAuth', 'http'],
      http: ['path', 'backendRefs', 'headersToBackend'],
    }
    const { extAuth } = spec as SecurityPolicy

    assert.equal(apiVersion, 'gateway.envoyproxy.io/v1alpha1')
    assert.deepEqual(Object.keys(spec as object).toSorted(), known.spec.toSorted())
    assert.deepEqual(Object.keys(extAuth).toSorted(), known.extAuth.toSorted())
    assert.deepEqual(Object.keys(extAuth.http).toSorted(), known.http.toSorted())
  })

  it('are, for nginx, the sample of the documentation, which nginx reads and proxies are tested with', t => {
    const { 'nginx.conf': main = '', 'sallyport.conf': site = '' } = nginxFiles()
    const withoutTls = sampleOf('nginx')
      .replace('listen 443 ssl;', 'listen 8000;')
      .replace(/^ +ssl_certificate.*\n/gm, '')
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-nginx-'))
    t.after(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'sallyport.conf'), site)
    writeFileSync(join(folder, 'nginx.conf'), main.replaceAll('/tmp/', `${folder}/`).replace('/etc/nginx/sallyport/', `${folder}/`))

    assert.equal(site.slice(site.indexOf('\n') + 1), withoutTls)
    const env = { PATH: `${process.env.PATH}:/usr/sbin` }
    assert.doesNotThrow(() => execFileSync('nginx', ['-t', '-e', 'stderr', '-c', join(folder, 'nginx.conf')], { env, stdio: 'pipe' }))
    // All that nginx writes is under the one folder that it may write to.
    assert.deepEqual(
      [...main.matchAll(/(?:_path|pid) (\S+);/g)].filter(([, path = '']) => !path.startsWith('/tmp/')),
      [],
    )
  })
})

describe('the samples', () => {
  for (const [name, resources] of built) {
    it(`lead to services that are there, at ports that they have: ${name}`, () => {
      const wanted = backendsOf(resources)
      const services = resources.filter(({ kind }) => kind === 'Service')

      if (name !== 'samples/nginx') assert.ok(wanted.length > 0)
      for (const { name: service, namespace = 'sallyport', port } of wanted.filter(backend => backend.namespace !== 'shop')) {
        const found = services.find(({ metadata }) => metadata.name === service && metadata.namespace === namespace)
        const { ports } = (found?.spec ?? assert.fail(`no service ${service}`)) as { ports: { name: string; port: number }[] }
        assert.ok(
          ports.some(one => one.name === port || one.port === port),
          `${service} has no port ${port}`,
        )
      }
    })
  }
})

function sample(name: string): readonly Resource[] {
  return built.get(`samples/${name}`) ?? assert.fail(name)
}

function nginxFiles(): Readonly<Record<string, string>> {
  const found = sample('nginx').find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.startsWith('sallyport-nginx'))
  return (found ?? assert.fail('no nginx.conf')).data as Record<string, string>
}

function lower(names: readonly string[]): string[] {
  return names.map(name => name.toLowerCase()).toSorted()
}

/** What the proxy must copy: the names of the routes' identity headers, and those of every 200. */
function wantedHeaders(name: string): string[] {
  const { routes } = parse(configFilesOf(sample(name))['routes.yaml'] ?? '') as { routes: { identityHeaders?: object }[] }
  return [
    ...new Set(
      lower(['authorization', 'cookie', 'x-auth-assertion', ...routes.flatMap(route => Object.keys(route.identityHeaders ?? {}))]),
    ),
  ].toSorted()
}

/** Every reference to a service, wherever it stands. */
function backendsOf(resources: readonly Resource[]): Backend[] {
  const found: Backend[] = []
  const visit = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return
    const entry = value as Record<string, unknown>
    for (const list of [entry.backendRefs, entry.services]) if (Array.isArray(list)) found.push(...(list as Backend[]))
    const { service } = entry as { service?: { name: string; port: { name: string } } }
    if (service !== undefined) found.push({ name: service.name, port: service.port.name })
    Object.values(entry).forEach(visit)
  }
  resources.filter(({ kind }) => kind !== 'ConfigMap').forEach(visit)
  return found
}
