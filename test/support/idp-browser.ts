import { Agent, request } from 'undici'

/** Cookies of one pretended browser, by name. Keep one to keep the session at the provider. */
export type CookieJar = Map<string, string>

export interface PlainBrowser {
  /**
   * Goes to the address and follows redirects that stay on the provider, filling in each form it meets.
   *
   * @returns the first address that leads elsewhere, and null with the last page when it leads nowhere
   */
  walk(start: URL, jar: CookieJar, answers: Readonly<Record<string, string>>): Promise<Journey>
  close(): Promise<void>
}

export interface Journey {
  readonly url: URL | null
  /** What is to be posted to the address, which was not; null when it is to be visited. */
  readonly form: URLSearchParams | null
  readonly page: string
}

/** As much of a browser as signing in at the provider needs: redirects, cookies, forms. No script. */
export function createPlainBrowser(ca: string | undefined): PlainBrowser {
  const agent = new Agent({ connect: ca === undefined ? {} : { ca } })

  async function step(url: URL, jar: CookieJar, form: URLSearchParams | null) {
    const response = await request(url, {
      dispatcher: agent,
      method: form === null ? 'GET' : 'POST',
      headers: {
        cookie: Array.from(jar, ([name, value]) => `${name}=${value}`).join('; '),
        ...(form === null ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form === null ? null : form.toString(),
    })
    for (const line of [response.headers['set-cookie'] ?? []].flat()) keep(jar, line)
    const { location } = response.headers
    return { page: await response.body.text(), next: typeof location === 'string' ? new URL(location, url) : null }
  }

  return {
    async walk(start, jar, answers) {
      let url = start
      let form: URLSearchParams | null = null
      // A sign-in takes about six steps; one that takes more goes in a circle.
      for (let steps = 0; steps < 12; steps += 1) {
        const { page, next } = await step(url, jar, form)
        if (next !== null && next.origin !== start.origin) return { url: next, form: null, page }
        form = next === null ? readForm(page, answers) : null
        if (next === null && form === null) return { url: null, form, page }
        url = next ?? new URL(plainText(/<form[^>]*action="([^"]*)"/.exec(page)?.[1] ?? url.href), url)
        if (url.origin !== start.origin) return { url, form, page }
      }
      throw new Error('The provider sends the browser in a circle: a wrong password?')
    },
    close: () => agent.close(),
  }
}

function keep(jar: CookieJar, line: string): void {
  const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
  if (value === '' || /expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(name)
  else jar.set(name, value)
}

/** Hidden fields as they stand, and an answer for every other field that there is an answer for. */
function readForm(page: string, answers: Readonly<Record<string, string>>): URLSearchParams | null {
  if (!page.includes('<form')) return null
  const form = new URLSearchParams()
  for (const [, name = '', value = ''] of page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g))
    form.set(name, plainText(value))
  for (const [name, value] of Object.entries(answers)) if (page.includes(`name="${name}"`)) form.set(name, value)
  return form
}

function plainText(text: string): string {
  return text.replaceAll('&#39;', "'").replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')
}
