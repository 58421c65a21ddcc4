import { createAttemptCookies } from '../auth/attempt-cookies.ts'
import { admitAnswer, callbackMethod, createCallback, type NativeLeg } from '../auth/callback.ts'
import { readCallbackForm } from '../auth/callback-form.ts'
import { createCountAttempt } from '../auth/count-attempt.ts'
import type { EndpointParts, EndpointStages } from '../auth/endpoints.ts'
import { createOwnApp, type Endpoints, type Handlers, literal } from '../auth/own-app.ts'
import { createProofs } from '../auth/proofs.ts'
import { visitOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import { agentClients, createNativeClients } from '../config/native-clients.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { createAddressBrake } from '../http/address-brake.ts'
import type { Target } from '../http/exchange.ts'
import { isFormNavigation } from '../http/fetch-metadata.ts'
import { resourceMetadataPath } from '../http/handle-challenge.ts'
import type { Log } from '../ops/log.ts'
import type { Members } from '../session/members.ts'
import type { Sealing } from '../session/sealing.ts'
import type { SessionIndex } from '../session/session-index.ts'
import type { Store } from '../store/store.ts'
import { createAgentForm } from './agent-form.ts'
import { createAnswerError, toPageError } from './answer-error.ts'
import { createApproval } from './approval.ts'
import { createApprovalView } from './approval-view.ts'
import { createRequestReader } from './authorization-request.ts'
import { createAuthorize, createBegin } from './authorize.ts'
import { createBeginAgent } from './begin-agent.ts'
import { createBeginSession } from './begin-session.ts'
import { createClientAnswer } from './client-answer.ts'
import { createClientDocuments, mostFetches } from './client-documents.ts'
import { createCodes } from './codes.ts'
import { createConclude } from './conclude.ts'
import { createDeviceAuthorization, createRedeemDeviceCode, deviceGrantType } from './device-authorization.ts'
import { createDevicePage } from './device-page.ts'
import { createDeviceRequests } from './device-requests.ts'
import { createExchange, exchangeGrantType } from './exchange.ts'
import type { FetchDocument } from './fetch-document.ts'
import { createKeepSession } from './keep-session.ts'
import { createResourceMetadata, createServerMetadata, serverMetadataPath } from './metadata.ts'
import { createPush, createPushedRequests } from './pushed-requests.ts'
import { createRedeemCode } from './redeem-code.ts'
import { createResources } from './resources.ts'
import { createRevokeHandle } from './revoke.ts'
import { createToken, type Grant } from './token.ts'

/** The long-lived parts that the authorization server works with. */
export interface NativeParts extends Omit<EndpointParts, 'nativeLeg'> {
  readonly members: Members
  readonly index: SessionIndex
  readonly store: Store
  readonly sealing: Sealing
  readonly fetchDocument: FetchDocument
  readonly log: Log
}

/** The authorization server for native clients: its endpoints, and what the sign-ins of browsers need to know of it. */
export interface NativeEndpoints extends Endpoints {
  /** Whether a request is for it. */
  isFor(target: Target): boolean
  readonly leg: NativeLeg
}

/** Creates the authorization server (contract.md section 3, docs/native-clients.md): one line for each endpoint. */
export function createNativeEndpoints(
  config: GatewayConfig,
  native: NativeConfig,
  gateway: NativeParts,
  stages: EndpointStages,
): NativeEndpoints {
  const { now } = gateway
  const clients = createNativeClients(native)
  const resources = createResources(config)
  const cookies = createAttemptCookies(config.session.cookie)
  const proofs = createProofs({ keys: config.session.cookieKeys, now })
  const answer = createClientAnswer({ issuer: native.origin.href, brand: config.pages })
  const codes = createCodes(gateway)
  const devices = createDeviceRequests(gateway)
  const keep = createKeepSession({ ...gateway, origin: native.origin.href })
  const beginAgent = createBeginAgent({ ...gateway, config, native, clients, keep })
  const conclude = createConclude({ config, codes, devices, answer, beginAgent, now })
  const documents = createClientDocuments({ ...gateway, brake: createAddressBrake(now, mostFetches) })
  const requests = createRequestReader({ clients, documents, resources })
  const pushed = createPushedRequests(gateway)
  const countAttempt = createCountAttempt(config.session, gateway.admitWithin)
  const parts = {
    countAttempt,
    ...gateway,
    config,
    native,
    clients,
    resources,
    cookies,
    proofs,
    answer,
    codes,
    devices,
    conclude,
    requests,
    pushed,
  }
  const begin = createBegin(parts)
  const failures = createAddressBrake(now)

  const session = createBeginSession({ ...parts, keep })
  const hasDevices = native.clients.some(({ device }) => device)
  const grants = new Map<string, Grant>([['authorization_code', createRedeemCode({ ...parts, session })]])
  if (hasDevices) grants.set(deviceGrantType, createRedeemDeviceCode({ ...parts, session }))
  if (native.clients.some(({ delegate }) => delegate)) grants.set(exchangeGrantType, createExchange(parts))
  const approval = createApproval({ ...parts, view: createApprovalView(parts), begin })
  const answerError = createAnswerError(gateway)
  const { base, native: path, device: devicePath } = config.paths
  const prefix = `${path}/`

  const app = createOwnApp(config, (error, req, res, _next) => {
    const { exchange, ...visit } = visitOf(res)
    if (isForPrograms(exchange.target)) return answerError(res, error)
    const isNavigation = exchange.isNavigation || isFormNavigation(req)
    stages.refuse(req, res, { ...visit, exchange: { ...exchange, isNavigation }, route: undefined }, toPageError(error))
  })

  app.endpoint(serverMetadataPath, 'GET, HEAD', { get: [createServerMetadata(config, native, [...grants.keys()])] })
  const resourceMetadata = createResourceMetadata(native, resources)
  app.endpoint(resourceMetadataPath, 'GET, HEAD', { get: [resourceMetadata] })
  app.endpoint(`${resourceMetadataPath}/*path`, 'GET, HEAD', { get: [resourceMetadata] }, resourceMetadataPath)

  const authorize = createAuthorize({ ...parts, begin })
  endpoint('/authorize', 'GET, POST', { get: [authorize], post: [readCallbackForm, authorize] })
  endpoint('/approve/:attempt', 'GET, POST', { get: [approval.show], post: [readCallbackForm, approval.decide] })
  endpoint('/approve/:attempt/other-account', 'GET', { get: [approval.switchAccount] })
  endpoint('/par', 'POST', { post: [readCallbackForm, createPush(parts)] })
  endpoint('/token', 'POST', { post: [readCallbackForm, createToken({ clients, grants, brake: failures })] })
  endpoint('/revoke', 'POST', { post: [readCallbackForm, createRevokeHandle({ ...parts, brake: failures })] })

  if (hasDevices) {
    const page = createDevicePage({ ...parts, begin })
    endpoint('/device_authorization', 'POST', { post: [readCallbackForm, createDeviceAuthorization(parts)] })
    app.endpoint(literal(devicePath), 'GET, POST', { get: [page.show], post: [readCallbackForm, page.enter] }, devicePath)
  }

  const agents = agentClients(native)
  if (agents.length > 0) {
    const form = createAgentForm({ ...parts, agentClients: agents, begin })
    endpoint('/agent', 'GET, POST', { get: [form.show], post: [readCallbackForm, form.enter] })
  }

  if (native.hasOwnOrigin) {
    const callback = createCallback({ ...parts, nativeLeg: conclude })
    app.endpoint(
      `${literal(base)}/callback/:provider`,
      target => callbackMethod(gateway.providers, target),
      { get: [admitAnswer, callback], post: [admitAnswer, readCallbackForm, callback] },
      `${base}/callback/:provider`,
    )
  }

  return { ...app, leg: conclude, isFor }

  function endpoint(place: string, allow: string, handlers: Handlers): void {
    app.endpoint(literal(path) + place, allow, handlers, path + place)
  }

  function isFor({ origin, path: asked }: Target): boolean {
    if (origin.href === native.origin.href) {
      if (native.hasOwnOrigin || asked.startsWith(prefix) || (hasDevices && asked === devicePath) || isUnder(asked, serverMetadataPath))
        return true
    }
    return isUnder(asked, resourceMetadataPath)
  }

  function isForPrograms({ path: asked }: Target): boolean {
    return ['/par', '/token', '/revoke', '/device_authorization'].some(place => asked === path + place)
  }
}

function isUnder(path: string, base: string): boolean {
  return path.startsWith(base) && (path.length === base.length || path.charCodeAt(base.length) === 0x2f)
}
