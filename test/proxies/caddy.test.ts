import { testProxy } from './proxy-suite.ts'

testProxy('caddy')
