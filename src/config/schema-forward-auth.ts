import { z } from 'zod'
import { listenAddress, whole } from './schema-values.ts'

/** Where a proxy that keeps the data path asks about each request (contract.md section 8b). */
export const forwardAuth = () =>
  z.strictObject({
    host: listenAddress()
      .default('127.0.0.1')
      .describe('Address to listen on. Elsewhere than on loopback only the addresses of listen.trustedProxies may ask.'),
    port: whole(0, 65535).prefault(9092).describe('TCP port; 0 lets the system choose one.'),
    dialect: z
      .enum(['nginx', 'traefik', 'caddy', 'haproxy', 'envoy'])
      .describe('Whose questions are understood: says which headers have the method, host and path of the request in question.'),
  })

export type ForwardAuthOptions = z.output<ReturnType<typeof forwardAuth>>
