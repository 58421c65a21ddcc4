import type { BrowserContext, Page } from 'playwright-core'

/** Something the browser could have read. */
export interface Sighting {
  /** Where, for the message of a failed test. */
  readonly where: string
  readonly text: string
}

export interface Traffic {
  /** Everything seen so far, once every body has arrived. */
  readonly seen: () => Promise<readonly Sighting[]>
  /** The Set-Cookie lines of one origin's answers, in order. */
  readonly setCookies: (origin: string) => Promise<readonly string[]>
  /** Adds what a script in the page can read, and the cookies that it cannot. */
  readonly look: (page: Page) => Promise<void>
}

interface Answer {
  readonly url: string
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  readonly body: string
}

/** Records every answer that a browser context gets: address, headers, body. */
export function recordTraffic(context: BrowserContext): Traffic {
  const answers: Promise<Answer>[] = []
  const sightings: Sighting[] = []

  context.on('response', response => {
    const url = response.url()
    // A redirect has no body to read, and a page that is left takes its bodies along.
    const body = response.text().catch(() => '')
    const headers = response.headersArray().catch(() => [])
    answers.push(Promise.all([headers, body]).then(([lines, text]) => ({ url, headers: lines, body: text })))
  })

  return {
    async seen() {
      const all = await Promise.all(answers)
      const fromAnswers = all.map(answer => ({ where: `answer of ${answer.url}`, text: describe(answer) }))
      return [...fromAnswers, ...sightings]
    },
    async setCookies(origin) {
      const own = (await Promise.all(answers)).filter(answer => answer.url.startsWith(`${origin}/`))
      return own.flatMap(answer => answer.headers.filter(header => header.name.toLowerCase() === 'set-cookie').map(header => header.value))
    },
    async look(page) {
      const where = page.url()
      const readable = await page.evaluate(() =>
        JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, history.state, window.name, location.href]),
      )
      sightings.push({ where: `page ${where}`, text: await page.content() })
      sightings.push({ where: `what a script reads at ${where}`, text: readable })
      sightings.push({ where: `cookies at ${where}`, text: JSON.stringify(await context.cookies()) })
    },
  }
}

function describe(answer: Answer): string {
  return [answer.url, ...answer.headers.map(header => `${header.name}: ${header.value}`), answer.body].join('\n')
}

/** Where secrets occur in what was seen: plain, URL-encoded, or base64 at any of its three alignments. */
export function findLeaks(seen: readonly Sighting[], secrets: readonly string[]): readonly string[] {
  const forms = secrets.flatMap(disguises)
  return seen.filter(sighting => forms.some(form => sighting.text.includes(form))).map(sighting => sighting.where)
}

function disguises(secret: string): readonly string[] {
  const forms = [secret, encodeURIComponent(secret)]
  for (const offset of [0, 1, 2]) {
    // The first and last characters depend on the neighbours.
    const encoded = Buffer.from('x'.repeat(offset) + secret)
      .toString('base64')
      .replace(/=+$/, '')
      .slice(4, -4)
    forms.push(encoded, encoded.replaceAll('+', '-').replaceAll('/', '_'))
  }
  return forms
}
