import { z } from 'zod'
import { siteProblem } from './document-id.ts'
import { redirectProblem } from './redirect-form.ts'
import { scopes } from './schema-provider.ts'
import { distinct, duration, flag, judgedText, origin, text, word } from './schema-values.ts'

export const clientId = () => word(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'a client id of 1 to 64 letters, digits and . _ -')

const client = () =>
  z.strictObject({
    name: text().max(60).describe('Name that people see when it asks to sign in, and in the list of their sessions.'),
    redirects: distinct(judgedText(redirectProblem))
      .default([])
      .describe(
        'Where answers may go: loopback (any port and path of 127.0.0.1 and [::1]), or exact URIs: http://127.0.0.1/callback, http://[::1]/callback, http://localhost/callback (any port), https or com.example.app:/callback.',
      ),
    scopes: scopes()
      .min(1)
      .describe(
        'Scopes that it may ask for. sessions lets it list and end the sessions of its person; any other stands for routes that require it.',
      ),
    par: z
      .enum(['auto', 'require'])
      .default('auto')
      .describe('Whether its authorization requests must be pushed (RFC 9126): auto (as it likes) or require.'),
    responseMode: z
      .enum(['any', 'form_post'])
      .default('any')
      .describe('How it gets its answers: any (as it asks) or form_post, by a form alone, so that no code stands in an address.'),
    device: flag().prefault(false).describe('Whether it may sign in by a code that the person types on another device (RFC 8628).'),
    delegate: flag()
      .prefault(false)
      .describe(
        'Whether its sessions may hand on less than they have to agents (RFC 8693); with an origin of its own, people can make agent sessions of it too.',
      ),
  })

/** The authorization server for native clients (contract.md section 3). */
export const native = () =>
  z.strictObject({
    origin: origin()
      .optional()
      .describe(
        'An origin of its own for it, which serves nothing else. Without it: the first of origins, together with the applications there.',
      ),
    idleTimeout: duration('1s', '30d').prefault('12h').describe('How long a session of a native client lives without activity (duration).'),
    absoluteTimeout: duration('1s', '90d').prefault('7d').describe('How long it lives at most, whatever happens (duration).'),
    clients: z
      .record(clientId(), client())
      .default({})
      .describe('Client id to client: the programs that may sign people in. All of them are public clients, without a secret.'),
    clientIdMetadata: z
      .strictObject({
        allow: distinct(judgedText(siteProblem))
          .min(1)
          .describe('Addresses of documents, such as https://tool.example/client.json, or https://tool.example for all of an origin.'),
        scopes: scopes().min(1).describe('Scopes that each of them may ask for.'),
      })
      .optional()
      .describe('Clients, such as those of MCP, whose id is the address of a document that describes them. Without it: none.'),
  })

export type NativeOptions = z.output<ReturnType<typeof native>>
