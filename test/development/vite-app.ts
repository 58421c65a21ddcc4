import assert from 'node:assert/strict'
import type { BrowserContext, Page } from 'playwright-core'
import type { ViteServer } from '../support/development.ts'
import { eventually } from '../support/eventually.ts'
import type { Stage } from '../support/stage.ts'
import { fillIn, openPage } from '../support/visitor-in-browser.ts'

/** A single-page application that asks who is signed in, and takes one of its modules while it runs. */
export const viteApp = {
  'index.html': `<!doctype html><title>Shop</title><h1></h1><p></p><a href="/auth/login?return_to=/orders/7%3Ffull">Sign in</a>
    <form method="post" action="/auth/logout"><button>Sign out</button></form><script type="module" src="/main.js"></script>`,
  'main.js': `import { greeting } from './greeting.js'
const show = text => { document.querySelector('h1').textContent = text }
show(greeting)
const { user } = await (await fetch('/auth/session')).json()
document.querySelector('p').textContent = user === undefined ? 'nobody' : user.name
import.meta.hot.accept('./greeting.js', changed => show(changed.greeting))`,
  'greeting.js': `export const greeting = 'Good morning'`,
}

export interface WatchedPage {
  readonly page: Page
  readonly complaints: readonly string[]
  /** The sockets of all that it showed: their addresses, and what came through them. */
  readonly sockets: readonly { readonly url: string; readonly frames: readonly string[] }[]
}

/** Opens a page whose sockets are watched. */
export async function openWatched(context: BrowserContext): Promise<WatchedPage> {
  const { page, complaints } = await openPage(context)
  const sockets: { url: string; frames: string[] }[] = []
  page.on('websocket', socket => {
    const frames: string[] = []
    sockets.push({ url: socket.url(), frames })
    socket.on('framereceived', ({ payload }) => frames.push(String(payload)))
  })
  return { page, complaints, sockets }
}

/** From the application to the provider and back to where the link said. */
export async function signInToApp({ page }: WatchedPage, stage: Stage): Promise<void> {
  await page.goto(`${stage.gateway}/`)
  await page.getByText('nobody').waitFor()
  await page.getByRole('link', { name: 'Sign in' }).click()
  await fillIn(page, stage.people.alice)
  await page.getByText(stage.people.alice.name).waitFor()
  assert.equal(page.url(), `${stage.gateway}/orders/7?full`)
}

/** Saves a module, and sees the page take it without being loaded again. */
export async function seeHotUpdate({ page, sockets }: WatchedPage, vite: ViteServer): Promise<void> {
  const newest = () => sockets.findLast(({ url }) => !url.includes('/api/'))
  await eventually(() => newest()?.frames.some(frame => frame.includes('"connected"')))
  await page.evaluate(() => Object.assign(window, { isSamePage: true }))

  await vite.edit('greeting.js', `export const greeting = 'Good evening'`)

  await page.getByRole('heading', { name: 'Good evening' }).waitFor()
  assert.equal(await page.evaluate(() => 'isSamePage' in window), true, 'the page was loaded again')
}

/** What a script of the page gets from the API. */
export function callApi(page: Page): Promise<readonly [number, unknown]> {
  return page.evaluate(async () => {
    const answer = await fetch('/api/orders')
    return [answer.status, await answer.json()] as const
  })
}

/** What a script of the page gets back over a socket, null when it is not let in. */
export function callOverSocket(page: Page): Promise<string | null> {
  return page.evaluate(() => {
    const socket = new WebSocket(`${location.origin.replace('http', 'ws')}/api/feed`)
    return new Promise<string | null>(resolve => {
      socket.onopen = () => socket.send('hello')
      socket.onmessage = ({ data }) => resolve(String(data))
      socket.onclose = () => resolve(null)
    })
  })
}
