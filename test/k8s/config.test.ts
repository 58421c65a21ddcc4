import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { run } from '../../src/cli/run.ts'
import type { GatewayConfig } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { execForm, inImage } from '../support/dockerfile.ts'
import { build, overlays, samples } from '../support/kustomize.ts'
import { configFilesOf, containersOf, gatewayOf, type Pod, podOf } from '../support/pod.ts'

const secretsAt = '/run/secrets/sallyport'
const all = [...overlays, ...samples].map(name => [name, build(name)] as const)

describe('the configuration in the manifests', () => {
  for (const [name, resources] of all) {
    const pod = podOf(resources)
    const files = configFilesOf(resources)

    it(`OPS-01 is one with which the gateway starts: ${name}`, async t => {
      const paths = unpack(t, files)
      const said: string[] = []
      const say = (text: string) => void said.push(text)

      const code = await run(['config', 'check', ...asOptions(paths)], { env: {}, print: say, remark: say, strong: text => text })

      assert.equal(code, 0, said.join('\n'))
    })

    it(`is read from where it is mounted, whole, by the options that the container has: ${name}`, () => {
      const named = (gatewayOf(pod).args ?? []).filter(arg => arg.startsWith('/'))

      assert.deepEqual(gatewayOf(pod).args?.[0], execForm(inImage('CMD')[0] ?? '')[0])
      assert.deepEqual(
        named.toSorted(),
        Object.keys(files)
          .map(file => `/etc/sallyport/${file}`)
          .toSorted(),
      )
    })

    it(`NHI-02 names every secret that is mounted and no other, and has none in it: ${name}`, () => {
      const text = Object.values(files).join('\n')
      const named = [...text.matchAll(/file: (\/[\w/-]+)/g)].map(([, path]) => path)
      const mount = gatewayOf(pod).volumeMounts?.find(({ mountPath }) => mountPath === secretsAt)
      const secret = pod.volumes.find(volume => volume.name === mount?.name)?.secret

      assert.deepEqual(named.toSorted(), secret?.items.map(({ path }) => `${secretsAt}/${path}`).toSorted())
      assert.ok(
        containersOf(pod).every(
          ({ env = [], envFrom = [] }) => envFrom.length === 0 && env.every(({ valueFrom }) => valueFrom === undefined),
        ),
      )
      // Group and owner read, nobody else.
      assert.equal(secret?.defaultMode, 0o440)
    })

    it(`is mounted by folder, so that a secret that is exchanged arrives: ${name}`, () => {
      const mounts = gatewayOf(pod).volumeMounts ?? []

      assert.deepEqual(mounts.map(({ mountPath }) => mountPath).toSorted(), ['/etc/sallyport', secretsAt])
      assert.ok(mounts.every(({ subPath, readOnly }) => subPath === undefined && readOnly === true))
    })

    it(`has the ports that the container, its probes and the image have: ${name}`, t => {
      const config = loadConfig(unpack(t, files), {})
      const declared = Object.fromEntries((gatewayOf(pod).ports ?? []).map(({ name, containerPort }) => [name, containerPort]))

      assert.deepEqual(declared, reachablePorts(config))
      assert.deepEqual(inImage('EXPOSE'), [`${config.listen.port} ${config.probes?.port}`])
      assert.deepEqual(probesOf(pod), ['startup /readyz probes', 'readiness /readyz probes', 'liveness /livez probes'])
    })
  }
})

/** The files in a folder of their own, with secrets that somebody might have. Their paths in the order of the container. */
function unpack(t: { after(run: () => void): void }, files: Readonly<Record<string, string>>): string[] {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-mounted-'))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text.replaceAll(`${secretsAt}/`, `${folder}/`))
  for (const key of ['client-secret', 'cookie-key', 'sealing-key']) writeFileSync(join(folder, key), randomBytes(32).toString('base64url'))
  writeFileSync(join(folder, 'redis-url'), `rediss://sallyport:${randomBytes(16).toString('hex')}@redis.example.com:6379`)
  return ['gateway.yaml', 'routes.yaml'].map(name => join(folder, name))
}

function asOptions(paths: readonly string[]): string[] {
  return paths.flatMap(path => ['--config', path])
}

/** What listens on more than loopback. */
function reachablePorts({ listen, probes, forwardAuth }: GatewayConfig): Record<string, number> {
  const all = { http: listen, probes, verify: forwardAuth }
  const open = Object.entries(all).filter(([, at]) => at !== undefined && at.host !== '127.0.0.1')
  return Object.fromEntries(open.map(([name, at]) => [name, at?.port ?? 0]))
}

function probesOf(pod: Pod): string[] {
  const { startupProbe, readinessProbe, livenessProbe } = gatewayOf(pod)
  const all = { startup: startupProbe, readiness: readinessProbe, liveness: livenessProbe }
  return Object.entries(all).map(([name, probe]) => `${name} ${probe?.httpGet.path} ${probe?.httpGet.port}`)
}
