import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import type { Orders } from './orders.ts'

/** Whose token came with a request, and what it allows. */
export interface McpCaller {
  readonly sub: string
  readonly scopes: readonly string[]
}

/** Answers one request of the Model Context Protocol; who it is from has been checked. */
export type ServeMcp = (req: IncomingMessage, res: ServerResponse, caller: McpCaller) => Promise<void>

/**
 * Creates an MCP server (streamable HTTP) with two tools over the orders. It keeps no sessions: each request stands for
 * itself, by the token that the gateway attaches. Of signing in it knows nothing; that is the gateway's.
 *
 * The library is a development dependency, loaded with the first request: a production image has no MCP server in it.
 */
export function createMcpServer(orders: Orders): ServeMcp {
  return async function serveMcp(req, res, caller) {
    const { McpServer, StreamableHTTPServerTransport } = await loadLibrary()
    const server = new McpServer({ name: 'sallyport-demo-orders', version: '1.0.0' })
    const says = (text: string, isError = false) => ({ content: [{ type: 'text' as const, text }], isError })

    server.registerTool('list_orders', { description: 'Lists all orders.' }, () => says(JSON.stringify(orders.list())))
    server.registerTool('add_order', { description: 'Adds an order.', inputSchema: { item: z.string().min(1).max(80) } }, ({ item }) => {
      if (!caller.scopes.includes('orders.write')) return says('This needs the scope orders.write.', true)
      return says(JSON.stringify(orders.add(item, caller.sub)))
    })

    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    res.once('close', () => void server.close())
    await server.connect(transport as Parameters<typeof server.connect>[0])
    await transport.handleRequest(req, res)
  }
}

async function loadLibrary() {
  const [{ McpServer }, { StreamableHTTPServerTransport }] = await Promise.all([
    import('@modelcontextprotocol/sdk/server/mcp.js'),
    import('@modelcontextprotocol/sdk/server/streamableHttp.js'),
  ])
  return { McpServer, StreamableHTTPServerTransport }
}
