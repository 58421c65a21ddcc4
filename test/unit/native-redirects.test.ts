import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { redirectProblem } from '../../src/config/redirect-form.ts'
import { describeDestination, mayRedirect } from '../../src/native/redirects.ts'
import { readProjectFile } from '../support/project-files.ts'

interface Corpus {
  readonly accepted: readonly string[]
  readonly refused: Readonly<Record<string, readonly string[]>>
}

const { loopback, listed } = JSON.parse(readProjectFile('test/data/native-redirects.json')) as {
  loopback: Corpus
  listed: Corpus & { redirects: readonly string[] }
}

const clientOf = (redirects: readonly string[]) => ({
  id: 'cli',
  name: 'CLI',
  redirects,
  scopes: ['orders.read'],
  device: false,
  delegate: false,
})

describe('the redirect URI of a native client', () => {
  for (const [redirects, corpus] of [
    [['loopback'], loopback],
    [listed.redirects, listed],
  ] as const) {
    const client = clientOf(redirects)
    for (const uri of corpus.accepted) {
      it(`NAT-01 NAT-02 may be ${uri} for ${redirects[0]}`, () => assert.equal(mayRedirect(client, uri), true))
    }
    for (const [why, uris] of Object.entries(corpus.refused)) {
      for (const uri of uris) it(`${why}: ${JSON.stringify(uri)} for ${redirects[0]}`, () => assert.equal(mayRedirect(client, uri), false))
    }
  }

  it('is told to people by what they can check', () => {
    assert.deepEqual(describeDestination('http://[::1]:51004/cb'), { kind: 'loopback', port: 51004 })
    assert.deepEqual(describeDestination('https://tool.example/cb'), { kind: 'site', host: 'tool.example' })
    assert.deepEqual(describeDestination('com.example.tool:/done'), { kind: 'application', scheme: 'com.example.tool' })
  })
})

describe('a configured redirect URI', () => {
  for (const good of ['loopback', ...listed.redirects, 'http://[::1]/cb']) {
    it(`may be ${good}`, () => assert.equal(redirectProblem(good), null))
  }
  const wrong = {
    'http://127.0.0.1:8080/cb': /must not name a port/,
    'http://127.0.0.1': /must have a path/,
    'http://app.example/cb': /must be http:\/\/127\.0\.0\.1/,
    'http://127.1/cb': /must be http:\/\/127\.0\.0\.1/,
    'https://tool.example/cb?x=1': /must not have a query/,
    'https://tool.example/cb#x': /must not have a fragment/,
    'https://me:secret@tool.example/cb': /user name or password/,
    'https://TOOL.example/cb': /as the URL standard writes it/,
    'myapp:/cb': /must be loopback, an http URI of this machine/,
    'javascript:alert(1)': /must be loopback/,
    'com.example.tool://host/cb': /must be the scheme/,
    'http://127.0.0.1/c b': /must be visible ASCII/,
  }
  for (const [bad, says] of Object.entries(wrong)) it(`is not ${bad}`, () => assert.match(redirectProblem(bad) ?? '', says))
})
