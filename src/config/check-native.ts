import type { Report } from './checks.ts'
import type { Draft } from './draft.ts'
import { isLoopback } from './hosts.ts'
import type { ConfigPath } from './mistakes.ts'

/** Checks the authorization server for native clients: its origin, its clocks, its paths, and that every client can sign in. */
export function checkNative(draft: Draft, report: Report): void {
  const { native } = draft
  if (native === null) return
  checkOrigin(draft, report)
  checkPaths(draft, report)
  const { idleTimeout, absoluteTimeout, clients = {}, clientIdMetadata } = native
  const isRead = !draft.isUnreadable(['native', 'clients']) && !draft.isUnreadable(['native', 'clientIdMetadata'])
  if (isRead && Object.keys(clients).length === 0 && clientIdMetadata === undefined) {
    report(['native', 'clients'], 'must have at least one client, unless clientIdMetadata lets in some')
  }
  if (idleTimeout !== undefined && absoluteTimeout !== undefined && idleTimeout > absoluteTimeout) {
    report(['native', 'idleTimeout'], 'is longer than absoluteTimeout, so it would never matter: make it shorter')
  }
  for (const [id, { redirects, responseMode, device }] of Object.entries(clients)) {
    if (redirects.length === 0 && !device) {
      report(['native', 'clients', id], 'has no way to sign in: give it redirects (such as [loopback]), or device: true')
    }
    if (responseMode === 'form_post' && !redirects.every(takesForms)) {
      report(['native', 'clients', id, 'responseMode'], 'is form_post, which no scheme of a program takes: redirect to loopback or https')
    }
  }
}

/** A form that is sent to a scheme of its own loses what stands in it. */
function takesForms(redirect: string): boolean {
  return redirect === 'loopback' || /^https?:/.test(redirect)
}

function checkOrigin({ native, sections, session }: Draft, report: Report): void {
  if (native?.origin === undefined) return
  const path: ConfigPath = ['native', 'origin']
  const { protocol, hostname, origin } = new URL(native.origin)
  const others = (sections.origins ?? []).map(href => new URL(href))
  if (others.some(other => other.origin === origin)) {
    report(path, 'is also one of the origins: give it a host name of its own, or leave it out')
  } else if (others.some(other => other.hostname === hostname)) {
    report(path, 'has the same host name as one of the origins, so they would share cookies: give it another host name')
  } else if (sections.csrf?.allowedOrigins.includes(origin)) {
    report(path, 'is in csrf.allowedOrigins: it needs no permission to call, and has no reason to')
  }
  if (protocol === 'https:') {
    if (session.cookie?.insecure === true) report(path, 'cannot be https while session.cookie.insecure is true')
  } else if (!isLoopback(hostname)) {
    report(path, 'must be https; http is only for this machine itself (localhost, 127.0.0.1, [::1])')
  } else if (session.cookie?.insecure === false) {
    report(path, 'is http, where browsers keep no Secure cookie: use https, or set session.cookie.insecure: true')
  }
}

/** Where the metadata is found is fixed (RFC 8414 §3, RFC 9728 §3). */
const wellKnown = '/.well-known'

function checkPaths({ native, sections, routes }: Draft, report: Report): void {
  const { paths } = sections
  if (paths === undefined) return
  const own: readonly [string, string][] = [
    ['base', paths.base],
    ['native', paths.native],
    ['device', paths.device],
  ]
  own.forEach(([name, path], i) => {
    const other = own.slice(0, i).find(([, before]) => isUnder(path, before) || isUnder(before, path))
    if (other !== undefined) report(['paths', name], `overlaps with paths.${other[0]}: give each its own`)
    else if (isUnder(path, wellKnown)) report(['paths', name], 'is under /.well-known, which belongs to others: choose another path')
  })
  // On an origin of its own there are no routes.
  if (native?.origin !== undefined) return
  for (const [i, { path }] of routes) {
    const [name] = own.slice(1).find(([, place]) => path !== undefined && isUnder(path, place)) ?? []
    if (name !== undefined)
      report(['routes', i, 'path'], `is under paths.${name}, which the gateway keeps for native clients: choose another path`)
  }
}

function isUnder(path: string, base: string): boolean {
  return path === base || path.startsWith(`${base}/`)
}
