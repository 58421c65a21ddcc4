import type { ServerUpstream, Upstream, UpstreamAddress } from './config.ts'
import type { UpstreamOptions } from './schema-upstream.ts'

/** @param folder where the files are, for an upstream that serves some */
export function buildUpstream(options: UpstreamOptions | undefined, folder: string | undefined): Upstream {
  if (options === undefined) return { kind: 'none' }
  const { url, tls = {}, fallback } = options
  if (folder !== undefined) return { kind: 'files', folder, fallback: fallback ?? null }
  const [first, ...more] = url ?? []
  if (first === undefined) throw new TypeError('the schema lets no upstream without an address pass')
  return { kind: 'servers', addresses: [buildAddress(first), ...more.map(buildAddress)], tls: buildTls(tls) }
}

function buildAddress(name: string): UpstreamAddress {
  if (!name.startsWith('unix:')) return { name, origin: name, socketPath: null }
  // The name by which servers behind a socket are called where there is none, as nginx does too.
  return { name, origin: 'http://localhost', socketPath: name.slice('unix:'.length) }
}

function buildTls({ ca, cert, key, serverName }: NonNullable<UpstreamOptions['tls']>): ServerUpstream['tls'] {
  return {
    ...(ca !== undefined && { ca: Buffer.from(ca) }),
    ...(cert !== undefined && { cert: Buffer.from(cert) }),
    ...(key !== undefined && { key: Buffer.from(key) }),
    ...(serverName !== undefined && { serverName }),
  }
}
