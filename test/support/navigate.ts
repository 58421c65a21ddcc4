import { type IncomingHttpHeaders, request } from 'node:http'

export interface Visited {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** Where it was found, after redirects. */
  readonly url: string
}

export interface NavigateOptions {
  readonly form?: URLSearchParams
  readonly method?: string
  /** Over those of a browser's navigation; null leaves one out. */
  readonly headers?: Readonly<Record<string, string | null>>
}

const navigation = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

/** Goes to an address of this machine as a browser does, by a link or a form, and follows 303. @throws what the system says */
export async function navigate(url: string, options: NavigateOptions = {}): Promise<Visited> {
  const visited = await visitOnce(url, options)
  return visited.status === 303 ? navigate(new URL(visited.headers.location ?? '', url).href) : visited
}

/** The same, following nothing. */
export function visitOnce(url: string, { form, method, headers }: NavigateOptions): Promise<Visited> {
  const type = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }
  const all = Object.entries({ host: new URL(url).host, ...navigation, ...type, ...headers }).filter(([, value]) => value !== null) as [
    string,
    string,
  ][]
  return new Promise((resolve, reject) => {
    const call = request(url, {
      // Names of this machine that not every system knows (RFC 6761 §6.3).
      ...(/\.localhost(:|\/|$)/.test(url) ? { hostname: '127.0.0.1' } : {}),
      method: method ?? (form === undefined ? 'GET' : 'POST'),
      headers: Object.fromEntries(all),
      agent: false,
    })
    call.on('error', reject)
    call.on('response', res => {
      const chunks: Buffer[] = []
      res.on('data', chunk => chunks.push(chunk))
      res.on('error', reject)
      res.on('end', () => resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString(), url }))
    })
    call.end(form?.toString())
  })
}
