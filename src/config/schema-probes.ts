import { z } from 'zod'
import { listenAddress, whole } from './schema-values.ts'

/** Where Kubernetes and Prometheus ask (contract.md section 10). */
export const probes = () =>
  z.strictObject({
    host: listenAddress().default('127.0.0.1').describe('Address to listen on. In a pod 0.0.0.0: the kubelet asks from outside.'),
    port: whole(0, 65535).prefault(9091).describe('TCP port; 0 lets the system choose one.'),
  })

export type ProbesOptions = z.output<ReturnType<typeof probes>>
