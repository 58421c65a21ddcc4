import { realpath, stat } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, sep } from 'node:path'
import express, { type Request, type Response } from 'express'
import type { FileUpstream, RouteRule } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Cors } from '../http/cors.ts'
import type { Exchange } from '../http/exchange.ts'
import type { ClientHeaders } from '../http/response-headers.ts'
import { readFraming } from './forward-body.ts'
import type { ForwardOutcome } from './forward-outcome.ts'
import { codeOf } from './upstream-failure.ts'
import { createUpstreamPath } from './upstream-path.ts'

export interface StaticFileDeps {
  readonly route: RouteRule
  readonly upstream: FileUpstream
  readonly clientHeaders: ClientHeaders
  readonly cors: Cors
}

/** What a path that ends with a slash means. */
const index = 'index.html'

/** Kept, but asked for anew every time: a name says nothing of how long its content stays the same. */
const cacheControl = 'no-cache'

/** By which a page load is told from everything else: whether the fallback is an answer depends on them. */
const loadsPage = 'Accept, Sec-Fetch-Mode, Sec-Fetch-Dest'

/**
 * Creates what answers on a route with files: Express's static files, with our rules for what is a file and for the
 * head of an answer.
 *
 * @returns a function that rejects, while nothing has been answered, with `no_route` for what is no file,
 *   `body_too_large`, and `upstream_unreachable` for a file that cannot be read
 */
export function createStaticFiles({ route, upstream, clientHeaders, cors }: StaticFileDeps) {
  const { folder } = upstream
  const fallback = upstream.fallback === null ? null : `/${upstream.fallback}`
  const upstreamPath = createUpstreamPath(route)
  const serve = express.static(folder, {
    cacheControl: false,
    dotfiles: 'ignore',
    fallthrough: false,
    index: false,
    redirect: false,
  })

  /** The path to serve, in URL form. */
  async function findFile({ target, isNavigation }: Exchange): Promise<{ readonly path: string; readonly isFallback: boolean }> {
    const asked = upstreamPath({ ...target, query: '' })
    const path = asked.endsWith('/') ? asked + index : asked
    if (await isServable(folder, decodeURIComponent(path))) return { path, isFallback: false }
    if (fallback !== null && isNavigation && (await isServable(folder, fallback))) return { path: encodePath(fallback), isFallback: true }
    throw new GatewayError('no_route', 'the folder has no such file', { reason: 'no_file' })
  }

  return async function serveFile(req: IncomingMessage, res: ServerResponse, exchange: Exchange): Promise<ForwardOutcome> {
    readFraming(req, route.limits.bodyBytes)
    const { path, isFallback } = await findFile(exchange)
    if (res.destroyed || req.socket.destroyed) return { result: 'client_left', status: null }

    const fields = { 'cache-control': cacheControl, ...(isFallback && { vary: loadsPage }) }
    const head = clientHeaders({ status: 200, fields, exchange, cors: cors.answerHeaders(req.headers) })
    for (let i = 0; i < head.length; i += 2) res.appendHeader(head[i] ?? '', head[i + 1] ?? '')
    req.url = path
    return new Promise((resolve, reject) => {
      res.once('close', () =>
        resolve(
          res.writableFinished
            ? { result: 'answered', status: res.statusCode }
            : { result: 'client_left', status: res.headersSent ? res.statusCode : null },
        ),
      )
      // A client that reads no further would hold the file and the socket for good.
      res.setTimeout(route.timeouts.idleMs, () => {
        const error = new GatewayError('upstream_timeout', 'the client has stopped reading', { reason: 'gateway_clock' })
        resolve({ result: 'cut', status: res.statusCode, error, upstream: folder })
        res.destroy()
      })
      serve(req as Request, res as Response, (error?: unknown) => {
        if (!(error instanceof Error)) return reject(new TypeError('a file is served or fails'))
        if (res.headersSent) {
          resolve({ result: 'cut', status: res.statusCode, error, upstream: folder })
          res.destroy()
        } else if (!answerCondition(res, error)) {
          for (const name of res.getHeaderNames()) res.removeHeader(name)
          reject(describeFileFailure(error))
        }
      })
    })
  }
}

/** Whether a path, decoded, is a file in the folder, not one that a link leads out to. */
async function isServable(folder: string, path: string): Promise<boolean> {
  try {
    const [root, file] = await Promise.all([realpath(folder), realpath(join(folder, path))])
    return file.startsWith(root + sep) && (await stat(file)).isFile()
  } catch {
    return false
  }
}

/** A range that the file does not have, or a condition that it does not meet: answers about the file, not about us. */
function answerCondition(res: ServerResponse, error: Error & { readonly status?: unknown; readonly headers?: unknown }): boolean {
  if (error.status !== 412 && error.status !== 416) return false
  for (const [name, value] of Object.entries({ ...(error.headers as Record<string, string> | undefined), 'Content-Length': '0' }))
    res.setHeader(name, value)
  res.statusCode = error.status
  res.end()
  return true
}

function describeFileFailure(error: Error & { readonly status?: unknown }): GatewayError {
  if (error.status === 404) return new GatewayError('no_route', 'the file has gone', { cause: error, reason: 'no_file' })
  return new GatewayError('upstream_unreachable', 'a file cannot be read', { cause: error, reason: codeOf(error).toLowerCase() })
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/')
}
