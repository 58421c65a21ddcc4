import type { Request, RequestHandler, Response } from 'express'
import { chooseProviders } from '../auth/login-params.ts'
import { requireNavigation } from '../auth/navigation.ts'
import { exchangeOf, noteVisit, visitOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { networkOf } from '../http/client-address.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { devicePage } from '../pages/device-page.ts'
import type { AdmitWithin } from '../store/limiter.ts'
import type { Begin } from './authorize.ts'
import type { DeviceRequests } from './device-requests.ts'
import { requireOwnForm } from './own-form.ts'
import { readBodyParams, readOAuthParams } from './read-form.ts'

/**
 * What the people behind one address type, and mistype, in a minute; who needs more is guessing (RFC 8628 §5.1). Right ones
 * count too: they are known to be right only once they have been tried, and then a guess has been answered.
 */
const mostPerMinute = 10

const longestTyped = 20

export interface DevicePageDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly devices: DeviceRequests
  readonly begin: Begin
  readonly admitWithin: AdmitWithin
  readonly audit: Audit
}

/**
 * The page where a person types the code that a device shows. A code that came along in the address is filled in, and
 * has to be sent by the person all the same (RFC 10027): a link alone must get nobody in.
 */
export function createDevicePage(deps: DevicePageDeps): Readonly<Record<'show' | 'enter', RequestHandler>> {
  const { config, native, devices, begin, admitWithin, audit } = deps

  function form(res: Response, options: { readonly userCode?: string; readonly isWrong?: boolean }): void {
    const { userCode = '', isWrong = false } = options
    const providers = config.identityProviders.length > 1 ? config.identityProviders.map(({ id, label }) => ({ id, label })) : []
    if (isWrong) res.status(400)
    const page = devicePage({ brand: config.pages, path: config.paths.device, userCode, isWrong, providers })
    res.type('html').send(page)
  }

  /** GET /device. */
  const show: RequestHandler = (req, res) => {
    requireNavigation(req)
    const params = readOAuthParams(exchangeOf(res).target.query)
    form(res, { userCode: (params.get('user_code') ?? '').slice(0, longestTyped) })
  }

  /** POST /device: a typed code begins the sign-in, in this browser. */
  const enter: RequestHandler = async (req: Request, res) => {
    requireNavigation(req)
    noteVisit(res, { signInPath: null })
    const { exchange, trail } = visitOf(res)
    requireOwnForm(req, native.origin.href)
    await admitWithin([{ kind: 'user_codes', perMinute: mostPerMinute, whose: [networkOf(exchange.clientAddress)] }])
    const params = readBodyParams(req)
    const ask = await devices.find((params.get('user_code') ?? '').slice(0, longestTyped))
    if (ask === null) {
      auditOf(audit, trail)('refusal', { code: 'bad_request', status: 400, outcome: 'refused', reason: 'user_code' })
      return form(res, { isWrong: true })
    }
    const chosen = new URLSearchParams({ provider: params.get('provider') ?? '' })
    const [provider] = chooseProviders(chosen, config.identityProviders)
    if (provider === undefined) throw new TypeError('the schema lets no empty list pass')
    await begin(req, res, provider, ask, { params: {}, isSilent: false })
  }

  return { show, enter }
}
