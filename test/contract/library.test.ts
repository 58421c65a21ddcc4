import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, describe, it } from 'node:test'
import express from 'express'
import request from 'supertest'
import { createGateway } from '../../src/gateway.ts'
import { startGateway, type TestGateway } from '../support/gateway.ts'
import { startUpstream, type Upstream } from '../support/upstream.ts'

let upstream: Upstream
let gateway: TestGateway

before(async () => {
  upstream = await startUpstream()
  gateway = await startGateway({ upstream: upstream.origin })
})

after(async () => {
  await gateway.close()
  await upstream.close()
})

describe('the gateway as a library', () => {
  it('is an app that supertest takes', async () => {
    const answer = await request(gateway.app).get('/auth/session').set('host', gateway.host).set('sec-fetch-site', 'same-origin')

    assert.deepEqual([answer.status, answer.body.authenticated], [200, false])
  })

  it('sees whole paths when it is mounted below one, for its routes are absolute', async () => {
    const outer = express()
    outer.use('/api', gateway.app)
    outer.use((_req, res) => void res.status(418).end())

    const inside = await request(outer).get('/api/orders').set('host', gateway.host)
    const outside = await request(outer).get('/other').set('host', gateway.host)

    assert.deepEqual([inside.status, inside.body.code], [401, 'not_signed_in'])
    assert.equal(outside.status, 418)
  })

  it('is a request listener', async () => {
    const answer = await request(createServer(gateway.handler)).get('/page').set('host', gateway.host)

    assert.equal(answer.status, 200)
    assert.equal(upstream.requests.at(-1)?.url, '/page')
  })

  it('is ready when its store answers, and closes what it opened alone', async () => {
    let isClosed = false
    const close = async () => {
      isClosed = true
    }
    const store = { ping: () => Promise.resolve(), close } as never
    const other = createGateway(gateway.config, { store })

    await other.ready()
    await other.close()

    assert.equal(isClosed, false)
  })
})
