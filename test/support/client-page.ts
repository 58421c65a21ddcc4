import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import { join } from 'node:path'
import { projectRoot } from './project-files.ts'

/**
 * What is behind the gateway in the tests of sallyport/client: a page that has the client, its modules as a browser
 * without a bundler gets them, and an API. `/api/mine` is an API that says 401 by itself.
 */
export const answerClientPage: RequestListener = (req, res) => {
  const { pathname } = new URL(req.url ?? '/', 'http://upstream.test')
  if (pathname.startsWith('/client/')) {
    const source = readFileSync(join(projectRoot, 'src', pathname), 'utf8')
    return void res.writeHead(200, { 'content-type': 'text/javascript' }).end(stripTypeScriptTypes(source))
  }
  if (pathname.startsWith('/api/')) {
    const status = pathname === '/api/mine' ? 401 : 200
    return void res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ path: pathname }))
  }
  res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
}

/** `?stay` answers refusals with `stay`; what the callbacks are told is in `told`. */
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Client</title><link rel="icon" href="data:,">
<script type="module">
  import { createClient } from '/client/client.ts'
  const told = []
  const asks = new URLSearchParams(location.search)
  window.told = told
  window.client = createClient({
    ...(asks.has('stay') ? { onSignInNeeded: need => (told.push(need), 'stay') } : {}),
    ...(asks.has('loop') ? { onLoop: error => told.push(error.code) } : {}),
  })
  window.ready = true
</script></html>`
