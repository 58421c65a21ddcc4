import type { BrowserContext, Page } from 'playwright-core'
import type { Stage } from './stage.ts'

// Long enough for a busy machine; a test that needs it has failed.
const patienceMs = 20_000

/** A page whose complaints are kept: violations of a content security policy, and errors of its scripts. */
export async function openPage(context: BrowserContext): Promise<{ readonly page: Page; readonly complaints: readonly string[] }> {
  const page = await context.newPage()
  page.setDefaultTimeout(patienceMs)
  const complaints: string[] = []
  page.on('console', message => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', error => complaints.push(String(error)))
  return { page, complaints }
}

/** Fills in the provider's form, which the page must be on or on its way to. */
export async function fillIn(page: Page, { username, password }: { readonly username: string; readonly password: string }): Promise<void> {
  await page.getByLabel('Username').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

/** From the demo's page through the provider and back to it. */
export async function signIn(page: Page, stage: Stage, who: 'alice' | 'bob' = 'alice'): Promise<void> {
  await page.goto(`${stage.gateway}/`)
  await page.getByRole('link', { name: 'Sign in' }).first().click()
  await fillIn(page, stage.people[who])
  await page.locator('strong', { hasText: stage.people[who].name }).waitFor()
  // Until then, nobody listens to the buttons.
  await page.waitForLoadState('load')
}

/** From the demo's page out of the gateway and, as the provider asks, out of it too. */
export async function signOut(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.getByRole('button', { name: 'Yes, sign me out' }).click()
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
}
