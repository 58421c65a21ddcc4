import { visitOnce } from './navigate.ts'

/** A page as it arrived. */
export interface Page {
  readonly url: URL
  readonly status: number
  readonly text: string
}

/**
 * A browser for sites of this machine, without scripts: keeps cookies, follows redirects and meta refreshes, fills in
 * forms.
 */
export interface Surfer {
  open(url: URL | string): Promise<Page>
  /** Fills in the first form of a page, and presses its button. @param fields over those that the form has */
  submit(page: Page, fields?: Readonly<Record<string, string>>): Promise<Page>
}

/** @param stopAt addresses that it does not go to: the page then is empty, with status 0 */
export function createSurfer({ stopAt = () => false }: { readonly stopAt?: (url: URL) => boolean } = {}): Surfer {
  const jars = new Map<string, Map<string, string>>()

  async function go(url: URL, from: URL | null, form: URLSearchParams | null): Promise<Page> {
    if (stopAt(url)) return { url, status: 0, text: '' }
    // Cookies know no ports.
    const jar = jars.get(url.hostname) ?? new Map<string, string>()
    jars.set(url.hostname, jar)
    const site = from === null ? 'none' : from.origin === url.origin ? 'same-origin' : 'cross-site'
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const visited = await visitOnce(url.href, {
      headers: {
        accept: 'text/html',
        'sec-fetch-site': site,
        'sec-fetch-user': '?1',
        ...(cookie === '' ? {} : { cookie }),
        ...(form === null || from === null ? {} : { origin: from.origin }),
      },
      ...(form === null ? {} : { form }),
    })
    for (const line of visited.headers['set-cookie'] ?? []) keep(jar, line)
    const page = { url, status: visited.status, text: visited.body }
    const next = visited.headers.location ?? refreshOf(page.text)
    return next === null ? page : go(new URL(next, url), url, null)
  }

  return {
    open: url => go(new URL(url), null, null),
    submit(page, fields = {}) {
      const [, action = ''] = /<form\b[^>]*\baction="([^"]*)"/.exec(page.text) ?? []
      const form = new URLSearchParams()
      for (const [input] of page.text.matchAll(/<input\b[^>]*>/g)) {
        const [, name] = /\bname="([^"]*)"/.exec(input) ?? []
        const isSent = !/\btype="checkbox"/.test(input) || /\schecked\b/.test(input)
        if (name !== undefined && isSent) form.append(name, decode(/\bvalue="([^"]*)"/.exec(input)?.[1] ?? ''))
      }
      for (const [name, value] of Object.entries(fields)) form.set(name, value)
      return go(new URL(decode(action), page.url), page.url, form)
    },
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
  if (/; (max-age=0|expires=Thu, 01 Jan 1970)/i.test(line)) jar.delete(name)
  else jar.set(name, value)
}

function refreshOf(text: string): string | null {
  const found = /<meta http-equiv="refresh" content="0;url=([^"]*)">/.exec(text)?.[1]
  return found === undefined ? null : decode(found)
}

function decode(text: string): string {
  return text.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
