import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { type Demo, startDemo, startWithoutGateway } from './start.ts'

/**
 * Runs the demo until Ctrl-C or SIGTERM: a gateway, an OpenID provider, an API and a page, on this machine only.
 *
 * @param args `--without-gateway`: leave the gateway to `npm start -- --config config/gateway.dev.yaml`
 * @throws when an argument is unknown, or a port that must be a certain one is taken
 */
export async function demo(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { 'without-gateway': { type: 'boolean', default: false } } })
  const isWhole = !values['without-gateway']

  const running = isWhole ? await startDemo() : await startWithoutGateway()
  console.log(isWhole ? describe(running) : describeRest(running))
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await running.close()
}

/** How the commands are called from the repository, which is where the demo is. */
const program = 'npx node src/cli/main.ts'

function describe(running: Demo): string {
  return `${running.parts.gateway}

${describePeople(running)}

Try:  sign in, call the API, search the page for a token
      watch the access token (60 s) being renewed while you keep calling
      ${running.parts.provider}/letter leads to a protected page from another site
      sign in as bob, and open ${running.parts.gateway}/ops
      ${describePrograms(running)}

In another terminal, as a command-line program:
      ${program} login --gateway ${running.parts.gateway}
      ${program} curl /api/orders

Everything is in memory and on this machine. Ctrl-C ends it. What follows is the gateway's audit.`
}

function describeRest(running: Demo): string {
  return `${running.parts.gateway}, once the gateway runs:

  npm run build && npm start -- --config config/gateway.dev.yaml

${describePeople(running)}

Its secrets are new, in .dev/. Ctrl-C ends the provider, the API and the page.`
}

/** The same endpoints without a browser's session: docs/native-clients.md. */
function describePrograms({ parts: { gateway } }: Demo): string {
  return `give an MCP client ${gateway}/mcp and the client id mcp
      let a program in: any OAuth library finds its way from ${gateway}, with the client id cli
      see both at ${gateway}/auth/account, and end them there`
}

function describePeople({ people }: Demo): string {
  return people.map(person => `  ${person.username.padEnd(6)} ${person.password}   groups: ${person.groups.join(', ')}`).join('\n')
}

if (import.meta.main) await demo(process.argv.slice(2))
