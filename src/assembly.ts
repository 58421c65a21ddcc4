import { createHmac, randomBytes } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import type { DestinationStream } from 'pino'
import type { SessionAdmin } from './admin/administered.ts'
import { createAdmin } from './admin/create-admin.ts'
import { createEndpoints } from './auth/endpoints.ts'
import type { Endpoints } from './auth/own-app.ts'
import type { GatewayConfig, ProviderConfig } from './config/config.ts'
import type { ReadSecret } from './config/read-secret.ts'
import { createAddressBrake } from './http/address-brake.ts'
import { sessionCookieName } from './http/cookies.ts'
import { createCors } from './http/cors.ts'
import { createNativeEndpoints, type NativeEndpoints } from './native/endpoints.ts'
import { createFetchDocument, type FetchDocument } from './native/fetch-document.ts'
import { createProvider } from './oidc/create-provider.ts'
import { createAudit } from './ops/audit.ts'
import type { LogFields } from './ops/fields.ts'
import { createLog, describeFailure, type Log, openOutput } from './ops/log.ts'
import { createMetrics, type Metrics, type Surroundings } from './ops/metrics.ts'
import { createTracing } from './ops/tracing.ts'
import { createAssertionFor } from './request/assertion.ts'
import { createForward } from './request/forward.ts'
import { createOpenSockets } from './request/open-sockets.ts'
import { createRefuse } from './request/refuse.ts'
import { createStages, type Stages } from './request/stages.ts'
import { createUpstreamPools } from './request/upstream-pools.ts'
import { createVerification, type Verification } from './request/verify.ts'
import { createAttempts } from './session/attempts.ts'
import { createCookieReader } from './session/cookie.ts'
import { type Random, randomToken } from './session/credential.ts'
import { createFamilies } from './session/families.ts'
import { createHandleReader } from './session/handle.ts'
import { createMembers } from './session/members.ts'
import { createScopesNow } from './session/scopes-now.ts'
import { createSealing } from './session/sealing.ts'
import { createSessionIndex } from './session/session-index.ts'
import { createSessionList } from './session/session-list.ts'
import { createWatch, type Every, repeat } from './session/watch.ts'
import { createLimiter } from './store/limiter.ts'
import { openStore } from './store/open-store.ts'
import type { Store } from './store/store.ts'
import { createAdmit } from './tokens/admit.ts'
import { createClientTokens } from './tokens/client-token.ts'
import { createEndings } from './tokens/endings.ts'
import { createFreshToken, type FreshTokenDeps } from './tokens/fresh-token.ts'
import { createWithLease } from './tokens/lease.ts'
import { createProviderLogout } from './tokens/provider-logout.ts'
import { createRenew, type Renew } from './tokens/renew.ts'
import { createRevoke } from './tokens/revoke.ts'
import { createSpend } from './tokens/spend.ts'
import { createStepUp } from './tokens/step-up.ts'
import { createSweep, startSweeping } from './tokens/sweep.ts'

/** How long tokens that are being given back may delay the end of the program. */
const settleMs = 3_000

/** What may be given in place of the gateway's own; all of it has a sensible default. */
export interface GatewayDeps {
  /** The engine; by default the one that `session.store` names. Whoever gives one closes it. */
  readonly store?: Store
  /** Epoch milliseconds. */
  readonly now?: () => number
  readonly random?: Random
  /** Runs what is done again and again while streams are open. */
  readonly every?: Every
  /** What was read from files, for administrators. */
  readonly secrets?: readonly ReadSecret[]
  /** What is counted; by default by this gateway alone. */
  readonly metrics?: Metrics
  /** Where log lines go; by default stdout. */
  readonly logTo?: DestinationStream
  /** Where audit lines go; by default what `audit.output` says. */
  readonly auditTo?: DestinationStream
  /** How documents of native clients are fetched; by default from the public internet alone. */
  readonly fetchDocument?: FetchDocument
}

/** The long-lived parts of a gateway, made once from its configuration. */
export interface Assembly {
  readonly stages: Stages
  readonly endpoints: Endpoints
  /** Null where no native client signs in. */
  readonly native: NativeEndpoints | null
  /** What a proxy's questions need beside the stages; null where the configuration has no forward-auth. */
  readonly verification: Verification | null
  /** The listener of the admin port; null where the configuration has none. */
  readonly admin: RequestListener | null
  readonly store: Store
  readonly log: Log
  /** Ends the open streams, and each at once that comes. */
  drain(): void
  isBusy(): boolean
  close(): Promise<void>
}

/** Builds the parts. Opens connections in the background and waits for nothing: the gateway starts without Redis or IdP. */
export function assemble(config: GatewayConfig, deps: GatewayDeps): Assembly {
  const { now = Date.now, random = randomBytes, every = repeat, fetchDocument = createFetchDocument() } = deps
  const { serviceName: service } = config.telemetry
  const metrics = deps.metrics ?? createMetrics({ now })
  const surroundings = metrics.surroundings()
  const log = counted(createLog({ level: config.log.level, destination: deps.logTo ?? openOutput('stdout'), now, service }), surroundings)
  const auditTo = deps.auditTo ?? openOutput(config.audit.output, error => log.write('error', 'audit_failed', describeFailure(error)))
  const auditLog = createLog({ level: 'info', destination: auditTo, now, service })
  const audit = createAudit(
    auditLog,
    config.audit.subject === 'hmac' ? derivedKey(config, 'sallyport audit subject') : null,
    metrics.audited,
  )

  const store =
    deps.store ?? openStore(config.session.store, { now, onEvent: (event, detail) => log.write('warn', `store_${event}`, detail) })
  const sealing = createSealing(config.session.sealingKeys)
  const index = createSessionIndex({ store, now })
  const attempts = createAttempts({ store, sealing, now, random })
  const admitWithin = createLimiter({ store, key: derivedKey(config, 'sallyport limits'), now })

  const showsIdToken = config.routes.some(({ token }) => token?.kind === 'id_token')
  const inUse = { keepClaims: claimsInUse(config), showsIdToken, audiences: audiencesInUse(config) }
  const providers = new Map(
    config.identityProviders.map(one => [
      one.id,
      createProvider({ config: one, now, ...inUse, log: tellOf(log, one), onCall: surroundings.provider.bind(null, one.id) }),
    ]),
  )
  const revoke = createRevoke({ providers, audit, pause })
  const native = config.native ?? null
  const scopesNow = createScopesNow(native)
  const families = createFamilies({
    store,
    sealing,
    index,
    settings: config.session,
    ...(native === null ? {} : { nativeTimeouts: native }),
    scopesNow,
    now,
    audit,
    onLapsed: revoke.ended,
  })
  const stopSweeping = config.session.sealing === 'gateway' ? startSweeping(createSweep({ store, families })) : () => undefined
  const watch = createWatch({ families, every })
  const members = createMembers({ store, sealing, now })
  const list = createSessionList({ families, members, index, scopesNow })
  const endings = createEndings({ families, members, index, revoke, audit })
  const admit = createAdmit({ index, list, endings, perUserLimit: config.session.perUserLimit })
  const providerLogout = createProviderLogout({ store, index, endings, now })
  const withLease = createWithLease({ store, nextHolder: () => randomToken(random, 16), now, pause, onTurn: metrics.lease })
  const renew = createRenew({ families, providers, withLease, revoke, audit, now, pause })
  const freshToken = createFreshToken({ now, renew: timed(renew, metrics) })
  const clientTokens = createClientTokens({ providers, audit, now })
  const stepUp = createStepUp({ families, providers, withLease, revoke })

  const cookie = { name: sessionCookieName(config.session.cookie), isSecure: !config.session.cookie.insecure }
  const readCookie = createCookieReader({ keys: config.session.cookieKeys, now })
  const held = {
    native,
    readHandle: createHandleReader({ now }),
    brake: createAddressBrake(now),
    spend: createSpend({ members, families, revoke, audit }),
  }

  const cors = createCors(config.csrf.allowedOrigins)
  const pools = createUpstreamPools({ now, log })
  const assertionFor = createAssertionFor({ keys: config.assertionKeys, now })
  const forward = createForward({ config, cors, pools, watch, metrics, assertionFor })
  const sockets = createOpenSockets({ watch, families, every, now, onChange: metrics.webSockets })
  const refuse = createRefuse({ config, cors, audit, log })
  const stages = createStages({
    config,
    now,
    log,
    cors,
    cookie,
    readCookie,
    ...held,
    families,
    admitWithin,
    freshToken,
    renew,
    clientTokens,
    forward,
    refuse,
    sockets,
    audit,
    metrics,
    beginTrace: createTracing(),
  })
  const verification = createVerification({
    config,
    assertionFor,
    refuse: createRefuse({ config, cors, audit, log, isAsked: true }),
  })
  const parts = {
    providers,
    attempts,
    admitWithin,
    families,
    list,
    members,
    endings,
    providerLogout,
    admit,
    stepUp,
    renew,
    watch,
    every,
    readCookie,
    cookie,
    audit,
    now,
    random,
  }
  const nativeEndpoints =
    native === null ? null : createNativeEndpoints(config, native, { ...parts, index, store, sealing, fetchDocument, log }, stages)
  const endpoints = createEndpoints(config, { ...parts, nativeLeg: nativeEndpoints?.leg ?? null }, stages)
  const sessions: SessionAdmin = {
    list: list.ofUser,
    endOne: sessionId => endings.one(sessionId, 'admin'),
    endAll: user => endings.all(user, 'admin'),
  }
  const administered = { sessions, secrets: deps.secrets ?? [], now }
  const admin = config.admin === undefined ? null : createAdmin({ tokens: config.admin.tokens, administered, audit, log, now })
  return {
    stages,
    endpoints,
    native: nativeEndpoints,
    verification,
    admin,
    store,
    log,
    drain() {
      watch.close()
      void sockets.close()
    },
    isBusy: pools.isBusy,
    async close() {
      watch.close()
      await sockets.close()
      stopSweeping()
      await pools.close()
      // In this order: a renewal that loses to a logout has tokens to give back.
      await Promise.race([renew.settle(), pause(settleMs)])
      await revoke.settle(settleMs)
      if (deps.store === undefined) await store.close()
    },
  }
}

function tellOf(log: Log, provider: ProviderConfig) {
  return (event: string, fields: LogFields) => log.write('warn', event, { provider: provider.id, ...fields })
}

/** The claims that somebody asks for: the rest is not kept (NIST SP 800-63C-4 §3.10.1). */
function claimsInUse(config: GatewayConfig): readonly string[] {
  const names = config.routes.flatMap(route => [...Object.keys(route.require.claims), ...Object.values(route.identityHeaders)])
  return [...new Set([...config.session.claims, ...names])]
}

/** Whom tokens are asked for later: some providers want to hear of it at the sign-in (RFC 8707 §2). */
function audiencesInUse(config: GatewayConfig): readonly string[] {
  return [...new Set(config.routes.flatMap(({ token }) => (token?.kind === 'audience' && token.audience !== null ? token.audience : [])))]
}

function derivedKey(config: GatewayConfig, purpose: string): Buffer {
  return createHmac('sha256', config.session.sealingKeys[0].key).update(purpose).digest()
}

/** A renewal, and what whoever waits for it waits. */
function timed(renew: Renew, { clock, renewalWaited }: Metrics): FreshTokenDeps['renew'] {
  return (signedIn, demand) => {
    const beganAt = clock()
    return renew(signedIn, demand).finally(() => renewalWaited(clock() - beganAt))
  }
}

/** Some of what is told is counted, too. */
function counted(log: Log, { logged }: Surroundings): Log {
  return {
    ...log,
    write(level, event, fields = {}) {
      logged(event, fields)
      log.write(level, event, fields)
    },
  }
}

/** Resolves after so many ms, or at once when the signal says so. It keeps no process alive. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { ref: false, ...(signal === undefined ? {} : { signal }) }).catch(() => undefined)
}
