import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { execForm, inImage, readDockerfile } from '../support/dockerfile.ts'
import { projectFiles, readProjectFile } from '../support/project-files.ts'

const instructions = readDockerfile()

describe('Dockerfile', () => {
  it('WEB-12 names its base by tag and digest, and nothing else from outside', () => {
    const images = instructions.flatMap(({ name, text }) => (name === 'ARG' && text.includes('_IMAGE=') ? [text] : []))
    const bases = instructions.flatMap(({ name, text }) => (name === 'FROM' ? [text] : []))

    assert.match(images[0] ?? '', /^NODE_IMAGE=docker\.io\/library\/node:24\.\d+\.\d+-[a-z]+-slim@sha256:[0-9a-f]{64}$/)
    assert.equal(images.length, 1)
    assert.deepEqual(bases, [`\${NODE_IMAGE} AS build`, 'scratch'])
    assert.deepEqual(
      instructions.filter(({ name, text }) => name === 'ADD' || /https?:/.test(text.replace('http://127.0.0.1:9091', ''))),
      [],
    )
  })

  it('runs as a user who is a number and not root, without a shell, and is told to stop by the signal that it understands', () => {
    const [user = ''] = inImage('USER')

    assert.match(user, /^[1-9]\d{3,}:[1-9]\d{3,}$/)
    assert.deepEqual(
      [...execForm(inImage('ENTRYPOINT')[0] ?? ''), ...execForm(inImage('CMD')[0] ?? '')],
      ['node', '--max-semi-space-size=8', '/app/dist/cli/main.js', 'serve'],
    )
    assert.equal(execForm(inImage('HEALTHCHECK')[0] ?? '')[0], 'node')
    assert.deepEqual(inImage('STOPSIGNAL'), ['SIGTERM'])
    assert.deepEqual(inImage('RUN'), [])
  })

  it('takes the name, version, source state and licence of what is in it', () => {
    const [labels = ''] = inImage('LABEL')
    const { license } = JSON.parse(readProjectFile('package.json')) as { license: string }

    const names = [...labels.matchAll(/org\.opencontainers\.image\.(\w+)=/g)].map(([, name]) => name)

    assert.deepEqual(names.toSorted(), ['description', 'licenses', 'revision', 'title', 'version'])
    assert.ok(labels.includes(`licenses="${license}"`))
  })
})

describe('.dockerignore', () => {
  it('NHI-02 keeps everything out of the build but a short list, on which every file is one that git has', () => {
    const [first, ...others] = readProjectFile('.dockerignore')
      .split('\n')
      .filter(line => line !== '' && !line.startsWith('#'))
    const files = projectFiles()

    assert.equal(first, '*')
    assert.ok(others.every(line => line.startsWith('!')))
    assert.deepEqual(
      others.map(line => line.slice(1)).filter(kept => !files.some(file => file === kept || file.startsWith(`${kept}/`))),
      [],
    )
    const copied = instructions.flatMap(({ name, text }) =>
      name === 'COPY' && !text.startsWith('--from') ? text.split(' ').slice(0, -1) : [],
    )
    assert.deepEqual(
      copied.filter(source => source !== '.' && !others.includes(`!${source}`)),
      [],
    )
  })
})
