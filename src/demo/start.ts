import type { RequestListener } from 'node:http'
import { compileConfig } from '../config/compile.ts'
import { createGateway } from '../gateway.ts'
import { createPublicServer } from '../listeners.ts'
import { makeSecrets, writeSecrets } from './development-secrets.ts'
import { audience, clientId, type DemoSecrets, demoPorts, describeGateway, type Parts } from './gateway-config.ts'
import { startIdentityProvider } from './identity-provider.ts'
import { listenAt, type Running } from './listening.ts'
import { startOrdersApi } from './orders-api.ts'
import { makePeople, type Person } from './people.ts'
import { startWeb } from './web.ts'

export interface Demo {
  readonly parts: Parts
  readonly people: readonly Person[]
  readonly close: () => Promise<void>
}

const loopback = '127.0.0.1'
// How far from its usual port a part may end up when others are taken.
const spare = 50

/** Starts everything in this process, the gateway with its sessions in memory. */
export async function startDemo(ports: typeof demoPorts = demoPorts): Promise<Demo> {
  const secrets = makeSecrets()
  let handler: RequestListener = (_req, res) => res.writeHead(503, { 'retry-after': '1' }).end()
  // The provider must know the gateway's origin and the gateway the provider's, so this one listens first.
  const server = createPublicServer({ host: loopback, port: 0, trustedProxies: [], maxConnections: 1000 }, (req, res) => handler(req, res))
  const front = await listenAt(server, { host: loopback, name: 'localhost', port: ports.gateway, spare })

  const rest = await startParts(front.origin, secrets, ports, spare).catch(async error => {
    await front.close()
    throw error
  })
  const gateway = createGateway(compileConfig(describeGateway(rest.parts), { env: { ...secrets } }))
  handler = gateway.handler
  return {
    ...rest,
    async close() {
      await Promise.all([front.close(), rest.close()])
      await gateway.close()
    },
  }
}

/** Starts all but the gateway, on the very ports and with the secrets that config/gateway.dev.yaml names. */
export async function startWithoutGateway(): Promise<Demo> {
  const secrets = makeSecrets()
  const rest = await startParts(`http://localhost:${demoPorts.gateway}`, secrets, demoPorts, 0)
  writeSecrets(secrets)
  return rest
}

async function startParts(gateway: string, secrets: DemoSecrets, ports: typeof demoPorts, spare: number): Promise<Demo> {
  const people = makePeople()
  const running: Running[] = []
  const close = async () => {
    await Promise.all(running.map(one => one.close()))
  }
  const start = async (starting: Promise<Running>) => {
    running.push(await starting)
    return running.at(-1)?.origin ?? ''
  }
  const placeAt = (port: number) => ({ host: loopback, port, spare })

  try {
    const client = { id: clientId, secret: secrets.CLIENT_SECRET, origin: gateway }
    const provider = await start(startIdentityProvider({ place: placeAt(ports.provider), client, people, audience }))
    const api = await start(startOrdersApi({ place: placeAt(ports.api), issuer: provider, keySet: new URL('/jwks', provider), audience }))
    const web = await start(startWeb({ place: placeAt(ports.web), providerOrigin: provider }))
    return { parts: { gateway, provider, api, web }, people, close }
  } catch (error) {
    await close()
    throw error
  }
}
