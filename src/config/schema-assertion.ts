import { z } from 'zod'
import { audience, text, word } from './schema-values.ts'

const assertionKey = () =>
  z
    .strictObject({
      id: word(/^[A-Za-z0-9_-]{1,32}$/, '1 to 32 letters, digits, _ and -').describe('The kid of the key, by which upstreams find it.'),
      env: text()
        .optional()
        .describe('Environment variable that holds the private key: P-256, as PEM (PKCS #8, no passphrase) or one JWK.'),
      file: text().optional().describe('File that holds the private key, likewise.'),
    })
    .meta({ oneOf: [{ required: ['env'] }, { required: ['file'] }] })

/** The keys of X-Auth-Assertion. */
export const assertionKeys = () => z.array(assertionKey()).min(1).max(10)

/** What a route tells its upstream of the person in a signed form. */
export const assertion = () =>
  z.strictObject({
    audience: audience().describe('The aud of the assertion: an absolute URI or a name, by which the upstream knows that it is meant.'),
  })
