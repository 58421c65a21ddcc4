/** What `sallyport` is to a program that imports it: docs/library.md. */
export type { GatewayDeps } from './assembly.ts'
export { type CompileOptions, compileConfig } from './config/compile.ts'
export type { GatewayConfig } from './config/config.ts'
export { loadConfig } from './config/load.ts'
export { ConfigError, type Mistake } from './config/mistakes.ts'
export { createGateway, type Gateway } from './gateway.ts'
