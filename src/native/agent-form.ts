import type { RequestHandler, Response } from 'express'
import { chooseProviders } from '../auth/login-params.ts'
import { requireNavigation } from '../auth/navigation.ts'
import { exchangeOf, noteVisit, sendPage } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClient, NativeConfig } from '../config/native-config.ts'
import { type AgentFormFault, type AgentFormFields, agentFormPage } from '../pages/agent-form-page.ts'
import { chooserPage } from '../pages/chooser-page.ts'
import { texts } from '../pages/text.ts'
import type { Begin } from './authorize.ts'
import { defaultSeconds, longestSeconds } from './delegation-limits.ts'
import { OAuthError } from './oauth-error.ts'
import { requireOwnForm } from './own-form.ts'
import { readAgentForm } from './read-agent-form.ts'
import { readOAuthParams, readPageForm } from './read-form.ts'

export interface AgentFormDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  /** Those whose agents people can make. At least one. */
  readonly agentClients: readonly NativeClient[]
  readonly begin: Begin
}

/**
 * "New agent session": what an agent of the person's own is to be held to. The form makes nothing: it begins a sign-in,
 * and the approval at its end asks for a yes to all of it. So nobody's browser session counts here, and none is needed.
 */
export function createAgentForm({
  config,
  native,
  agentClients,
  begin,
}: AgentFormDeps): Readonly<Record<'show' | 'enter', RequestHandler>> {
  const path = `${config.paths.native}/agent`
  const lives = livesOf(native)
  const blank = { name: '', scopes: [], routes: '', maxCalls: '', life: String(lives[0]) }

  function send(res: Response, client: NativeClient, fields: AgentFormFields, faults: readonly AgentFormFault[] = []): void {
    const providers = config.identityProviders.length > 1 ? config.identityProviders.map(({ id, label }) => ({ id, label })) : []
    if (faults.length > 0) res.status(400)
    res.type('html').send(agentFormPage({ brand: config.pages, path, client, fields, faults, lives, providers }))
  }

  function find(id: string | null): NativeClient {
    const client = agentClients.find(one => one.id === id)
    if (client !== undefined) return client
    throw new OAuthError('unauthorized_client', 'There are no agents of this client.', { reason: 'may_not_delegate' })
  }

  /** GET /oauth/agent: changes nothing, and no link fills anything in but the client. */
  const show: RequestHandler = (req, res) => {
    requireNavigation(req)
    const params = readOAuthParams(exchangeOf(res).target.query)
    const [only, ...others] = agentClients
    if (params.has('client_id') || only === undefined) return send(res, find(params.get('client_id')), blank)
    if (others.length === 0) return send(res, only, blank)
    const choices = agentClients.map(({ id, name }) => ({ label: name, href: `${path}?${new URLSearchParams({ client_id: id })}` }))
    sendPage(res, chooserPage({ brand: config.pages, title: texts.agentForm.which, choices }))
  }

  /**
   * POST /oauth/agent: begins the sign-in, in this browser.
   *
   * @throws {GatewayError} `bad_request`, `cross_site_refused`, `too_many_requests`, `idp_unavailable`, `store_unavailable`
   */
  const enter: RequestHandler = async (req, res) => {
    requireNavigation(req)
    noteVisit(res, { signInPath: null })
    requireOwnForm(req, native.origin.href)
    const form = readPageForm(req)
    const client = find(form.get('client_id'))
    const read = readAgentForm(form, client, lives)
    if ('faults' in read) return send(res, client, read.fields, read.faults)
    const [provider] = chooseProviders(new URLSearchParams({ provider: form.get('provider') ?? '' }), config.identityProviders)
    if (provider === undefined) throw new TypeError('the schema lets no empty list pass')
    const ask = { clientId: client.id, scopes: read.scopes, resources: null, answer: null, device: null, agent: read.agent }
    await begin(req, res, provider, ask, { params: {}, isSilent: false })
  }

  return { show, enter }
}

/** In seconds, the shortest first: as what is handed on, and never longer than the operator lets any program stay. */
function livesOf({ absoluteTimeoutMs }: NativeConfig): readonly number[] {
  const longest = Math.floor(absoluteTimeoutMs / 1000)
  const fitting = [defaultSeconds, 3600, 4 * 3600, longestSeconds].filter(seconds => seconds <= longest)
  return fitting.length === 0 ? [longest] : fitting
}
