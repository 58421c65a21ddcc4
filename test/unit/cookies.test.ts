import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  attemptCookiePrefix,
  clearCookie,
  createOwnCookieTest,
  findCookie,
  serializeCookie,
  sessionCookieName,
  withoutCookies,
} from '../../src/http/cookies.ts'

const secure = { name: 'sallyport', insecure: false }
const name = '__Host-Http-sallyport'
const isOwn = createOwnCookieTest(secure)

describe('the names of our cookies', () => {
  it('CKE-02 carry the prefix that browsers enforce', () => {
    assert.equal(sessionCookieName(secure), name)
    assert.equal(attemptCookiePrefix(secure), `${name}.attempt.`)
  })

  it('have none without https', () => {
    assert.equal(sessionCookieName({ name: 'sallyport', insecure: true }), 'sallyport')
    assert.equal(attemptCookiePrefix({ name: 'sallyport', insecure: true }), 'sallyport.attempt.')
  })

  it('CKE-12 CKE-13 are ours with any prefix and in any case', () => {
    for (const one of [name, 'sallyport', '__host-sallyport', '__SECURE-Sallyport', '__Http-sallyport', `${name}.attempt.abcdefgh`])
      assert.ok(isOwn(one), one)
    for (const other of ['sallyportx', 'xsallyport', 'sally', '__Host-session', '', 'sallyport-theme']) assert.ok(!isOwn(other), other)
  })
})

describe('a cookie in a header', () => {
  it('is found at any place, undecoded', () => {
    for (const header of [`${name}=a%20b`, `x=1; ${name}=a%20b`, `x=1;${name}=a%20b;y=2`, `x=1; \t${name} = a%20b ; y`]) {
      assert.deepEqual(findCookie(header, name), { value: 'a%20b', count: 1 }, header)
    }
    assert.equal(findCookie(`${name}="quoted"`, name).value, '"quoted"')
    assert.equal(findCookie(`${name}=a=b==`, name).value, 'a=b==')
  })

  it('CKE-08 is counted, so that two of a name are noticed', () => {
    assert.equal(findCookie(`${name}=a; ${name}=b`, name).count, 2)
    assert.equal(findCookie(`${name}=a; x=${name}=b`, name).count, 1)
    assert.equal(findCookie(`${name}=; ${name}=b`, name).count, 2)
    assert.equal(findCookie(`${name}=a;${name}=a;${name}=c`, name).count, 3)
  })

  it('CKE-09 has exactly that name: no other case, no other white space, nothing before or after', () => {
    const others = [
      `__HOST-HTTP-sallyport=a`,
      `\u2000${name}=a`,
      `\xa0${name}=a`,
      `\xe2\x80\x80${name}=a`,
      `\v${name}=a`,
      `x${name}=a`,
      `${name}x=a`,
    ]
    for (const header of [...others, `${name}.attempt.x=a`, `${name}`, `${name};`, `a=${name}`, `"${name}"=a`, `=${name}=a`, '']) {
      assert.equal(findCookie(header, name).count, 0, JSON.stringify(header))
    }
    assert.equal(findCookie(undefined, name).count, 0)
  })

  it('is found in linear time', () => {
    const startedAt = process.cpuUsage().user
    findCookie(`${name} `.repeat(4000), name)
    findCookie(`${' '.repeat(16_000)}${name}`.repeat(4), name)
    assert.ok((process.cpuUsage().user - startedAt) / 1000 < 200)
  })
})

describe('cookies for an upstream', () => {
  it('CKE-12 are those that are not ours', () => {
    assert.equal(withoutCookies(`a=1; ${name}=secret; b=2`, isOwn), 'a=1; b=2')
    assert.equal(withoutCookies(`${name}=x; ${name}.attempt.abcdefgh=y`, isOwn), '')
    assert.equal(withoutCookies(`__HOST-sallyport=x; SALLYPORT=y ;c = 3`, isOwn), 'c = 3')
    assert.equal(withoutCookies('theme="a; b=c"; plain', isOwn), 'theme="a; b=c"; plain')
    assert.equal(withoutCookies(';; ;', isOwn), '')
  })
})

describe('a Set-Cookie value', () => {
  it('CKE-01 CKE-03 is Secure, HttpOnly and Strict for the whole host', () => {
    assert.equal(serializeCookie(name, 'v', { isSecure: true }), `${name}=v; Path=/; HttpOnly; Secure; SameSite=Strict`)
  })

  it('CKE-04 is Lax and short for an attempt', () => {
    const line = serializeCookie(`${name}.attempt.a`, 'v', { isSecure: true, sameSite: 'Lax', maxAgeSeconds: 600 })
    assert.equal(line, `${name}.attempt.a=v; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax`)
  })

  it('makes the browser forget', () => {
    assert.equal(clearCookie('sallyport', { isSecure: false }), 'sallyport=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict')
  })

  it('cannot be broken out of', () => {
    for (const value of ['a;b', 'a b', 'a,b', 'a"b', 'a\\b', 'a\nb', 'é'])
      assert.throws(() => serializeCookie(name, value, { isSecure: true }), TypeError)
  })
})
