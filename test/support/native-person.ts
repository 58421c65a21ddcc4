import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createPlainBrowser } from './idp-browser.ts'
import { answerOf, arrive, decide } from './native-client.ts'
import type { Stage } from './stage.ts'
import { createVisitor, type Visitor } from './visitor.ts'

/** Somebody at a browser whom a program has sent to a page of the gateway. */
export interface Person {
  /**
   * Opens the address, signs in at the provider, and lets the program in.
   *
   * @returns where the browser is sent, which was not visited
   */
  letIn(url: URL | string): Promise<URL>
  close(): Promise<void>
}

/** Alice, who has never been here. */
export function createPerson(stage: Stage): Person {
  const browser = createPlainBrowser(undefined)
  const { host, port } = new URL(stage.gateway)
  const { username, password } = stage.people.alice

  async function signIn(visitor: Visitor, location: string) {
    const { url } = await browser.walk(new URL(location), new Map(), { username, password })
    if (url === null) throw new Error('the provider does not send her back')
    return arrive(visitor, url)
  }

  return {
    async letIn(address) {
      const url = new URL(address)
      if (url.host !== host) throw new Error(`the program does not send her to the gateway, but to ${url.origin}`)
      const visitor = createVisitor({ host, port: Number(port) })
      const begun = await visitor.visit(url.pathname + url.search, { site: 'none' })
      if (begun.status !== 302) throw new Error(`the sign-in does not begin: ${begun.status} ${begun.text}`)
      return answerOf(await decide(visitor, await signIn(visitor, String(begun.headers.location)), 'approve'))
    },
    close: () => browser.close(),
  }
}

/** Where a program waits for the answer: a listener of its own on loopback, at a port from the system. */
export interface Listener {
  readonly redirectUri: string
  /** The first address that was visited. */
  readonly arrival: Promise<URL>
  close(): void
}

export async function listenForAnswer(path = '/callback'): Promise<Listener> {
  const { promise, resolve } = Promise.withResolvers<URL>()
  const server = createServer((req, res) => {
    resolve(new URL(req.url ?? '/', origin))
    res.end('You can close this window.')
  })
  // A test that fails before the answer comes must end all the same.
  server.unref()
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { redirectUri: origin + path, arrival: promise, close: () => void server.close() }
}

/** Visits the address that a browser was sent to, as it would. */
export async function follow(url: URL): Promise<void> {
  await (await fetch(url)).text()
}
