import type { GatewayConfig } from '../../src/config/config.ts'
import { createOwnPathTest } from '../../src/config/own-paths.ts'
import { resourceMetadataPath } from '../../src/http/handle-challenge.ts'
import { serverMetadataPath } from '../../src/native/metadata.ts'

/**
 * Where config/openapi.yaml describes the answers of a request: `/auth`, `/oauth` and `/device` there stand for what is
 * configured. Null for what belongs to a route.
 *
 * @param host as the request has it
 * @param path without the query
 */
export type DocumentedPath = (host: string, path: string) => string | null

export function createDocumentedPath({ paths, native }: Pick<GatewayConfig, 'paths' | 'native'>): DocumentedPath {
  const isBrowsers = createOwnPathTest(paths.base)
  const hasDevices = native?.clients.some(({ device }) => device) ?? false

  function isPrograms(host: string, path: string): boolean {
    if (native === undefined) return false
    if (isUnder(path, resourceMetadataPath)) return true
    if (host !== native.origin.authority) return false
    if (native.hasOwnOrigin || isUnder(path, serverMetadataPath)) return true
    return path.startsWith(`${paths.native}/`) || (hasDevices && path === paths.device)
  }

  return (host, path) => {
    if (!isBrowsers(path) && !isPrograms(host, path)) return null
    if (path.startsWith(`${paths.base}/`)) return `/auth${path.slice(paths.base.length)}`
    if (path.startsWith(`${paths.native}/`)) return `/oauth${path.slice(paths.native.length)}`
    if (path === paths.device) return '/device'
    // OpenAPI has no parameter for several segments.
    const resource = path.startsWith(`${resourceMetadataPath}/`) ? path.slice(resourceMetadataPath.length + 1) : ''
    return resource === '' ? path : `${resourceMetadataPath}/${encodeURIComponent(resource)}`
  }
}

function isUnder(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}/`)
}
