import { z } from 'zod'
import { listenAddress, text, whole, word } from './schema-values.ts'

const adminToken = () =>
  z
    .strictObject({
      id: word(/^[A-Za-z0-9_-]{1,32}$/, '1 to 32 letters, digits, _ and -').describe(
        'Name of the token; the audit says which one was used.',
      ),
      env: text().optional().describe('Environment variable that holds the token: 32 bytes or more.'),
      file: text().optional().describe('File that holds the token, likewise.'),
    })
    .meta({ oneOf: [{ required: ['env'] }, { required: ['file'] }] })

/** The calls of administrators, on a port of their own. */
export const admin = () =>
  z.strictObject({
    host: listenAddress().default('127.0.0.1').describe('Address to listen on. Plain http: tokens pass in clear where it is not loopback.'),
    port: whole(0, 65535).prefault(9090).describe('TCP port; 0 lets the system choose one.'),
    tokens: z.array(adminToken()).min(1).max(10).describe('Bearer tokens, one for each who calls.'),
  })

export type AdminOptions = z.output<ReturnType<typeof admin>>
