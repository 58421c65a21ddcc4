import { Agent } from 'node:http'
import { RedisStore } from 'connect-redis'
import express, { type Request } from 'express'
import session from 'express-session'
import { createProxyMiddleware } from 'http-proxy-middleware'
import { createClient } from 'redis'

// The program that textbook.ts starts: express-session, connect-redis and http-proxy-middleware as their own pages show
// them. The agent is more than those say: without it every request would pay for a new connection. It has no limit: the
// connection of a request whose client has left is not given back, and 64 of those would be the end.

declare module 'express-session' {
  interface SessionData {
    tokens: { readonly access: string }
  }
}

const { PORT, UPSTREAM_PORT, REDIS_URL = '', SECRET = '' } = process.env
const redis = createClient({ url: REDIS_URL })
await redis.connect()

const app = express()
app.set('trust proxy', 1)
app.use(
  session({
    store: new RedisStore({ client: redis }),
    secret: SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { secure: true, httpOnly: true, sameSite: 'lax' },
  }),
)
app.use('/api', (req, res, next) => {
  if (req.session.tokens === undefined) res.sendStatus(401)
  else next()
})
app.use(
  '/api',
  createProxyMiddleware<Request>({
    target: `http://127.0.0.1:${UPSTREAM_PORT}/api`,
    changeOrigin: true,
    xfwd: true,
    agent: new Agent({ keepAlive: true }),
    on: {
      proxyReq(proxyReq, req) {
        proxyReq.removeHeader('cookie')
        proxyReq.setHeader('authorization', `Bearer ${req.session.tokens?.access}`)
      },
    },
  }),
)
app.listen(Number(PORT), '127.0.0.1')
