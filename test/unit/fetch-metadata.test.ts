import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { describe, it } from 'node:test'
import { isNavigation, isPrefetch } from '../../src/http/fetch-metadata.ts'

const request = (headers: Record<string, string>, method = 'GET') => ({ method, headers }) as unknown as IncomingMessage
const html = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'

describe('a navigation', () => {
  it('is a GET for a document in its own window', () => {
    assert.equal(
      isNavigation(request({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', 'sec-fetch-site': 'cross-site' })),
      true,
    )
  })

  it('is nothing that a page does by itself', () => {
    const others = [
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'iframe' },
      { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'embed' },
      { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' },
      { 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'document' },
      { 'sec-fetch-mode': 'websocket', 'sec-fetch-dest': 'websocket' },
      { 'sec-fetch-site': 'same-origin' },
    ]
    for (const headers of others) assert.equal(isNavigation(request({ accept: html, ...headers })), false, JSON.stringify(headers))
  })

  it('is no other method', () => {
    for (const method of ['POST', 'HEAD', 'PUT']) {
      assert.equal(isNavigation(request({ 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }, method)), false)
      assert.equal(isNavigation(request({ accept: html }, method)), false)
    }
  })

  it('without Fetch Metadata is a GET that asks for HTML first and is no XMLHttpRequest', () => {
    assert.equal(isNavigation(request({ accept: html })), true)
    assert.equal(isNavigation(request({ accept: 'Text/HTML' })), true)
    for (const accept of ['*/*', 'application/json', 'application/json, text/html', 'text/event-stream'])
      assert.equal(isNavigation(request({ accept })), false, accept)
    assert.equal(isNavigation(request({})), false)
    assert.equal(isNavigation(request({ accept: html, 'x-requested-with': 'XMLHttpRequest' })), false)
  })
})

describe('a prefetch', () => {
  it('says so in one of three headers', () => {
    for (const headers of [
      { 'sec-purpose': 'prefetch' },
      { 'sec-purpose': 'prefetch;prerender' },
      { purpose: 'prefetch' },
      { 'x-moz': 'prefetch' },
    ]) {
      assert.equal(isPrefetch(request(headers as Record<string, string>)), true, JSON.stringify(headers))
    }
    assert.equal(isPrefetch(request({ 'sec-purpose': 'preview' })), false)
    assert.equal(isPrefetch(request({})), false)
  })
})
