import { execFileSync } from 'node:child_process'
import { createHash, X509Certificate } from 'node:crypto'
import { type Browser, chromium } from 'playwright-core'

/**
 * Starts the system's Chromium. Names under `.test` lead to this machine and no other name leads anywhere, so
 * nothing leaves the loopback; errors of certificates count, but for the certificates named.
 *
 * @param trusted PEM of certificates that it is to believe
 * @throws Error that says what to install when there is no Chromium
 */
export function launchBrowser(trusted: readonly string[] = []): Promise<Browser> {
  const args = [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE ::1, EXCLUDE localhost',
  ]
  if (trusted.length > 0) args.push(`--ignore-certificate-errors-spki-list=${trusted.map(hashPublicKey).join(',')}`)
  return chromium.launch({ executablePath: findChromium(), headless: true, args })
}

function findChromium(): string {
  const named = process.env.CHROMIUM
  if (named !== undefined && named !== '') return named
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    try {
      return execFileSync('which', [name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
    } catch {
      // Not installed under this name: try the next.
    }
  }
  throw new Error('The browser tests need Chromium: install it (Debian: apt-get install chromium), or name its program in CHROMIUM.')
}

function hashPublicKey(cert: string): string {
  const publicKey = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(publicKey).digest('base64')
}
