import type { Request, RequestHandler, Response } from 'express'
import { chooseProviders } from '../auth/login-params.ts'
import { requireNavigation } from '../auth/navigation.ts'
import { exchangeOf, noteVisit, visitOf } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeConfig } from '../config/native-config.ts'
import { GatewayError } from '../errors.ts'
import type { AddressBrake } from '../http/address-brake.ts'
import type { Audit } from '../ops/audit.ts'
import { auditOf } from '../ops/trail.ts'
import { devicePage } from '../pages/device-page.ts'
import type { Begin } from './authorize.ts'
import type { DeviceRequests } from './device-requests.ts'
import { requireOwnForm } from './own-form.ts'
import { readBodyParams, readOAuthParams } from './read-form.ts'

/** What a person mistypes; whoever needs more in a minute is guessing (RFC 8628 §5.1). */
export const mostWrongCodes = 5

const longestTyped = 20

export interface DevicePageDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly devices: DeviceRequests
  readonly begin: Begin
  /** Counts codes that are none. */
  readonly brake: AddressBrake
  readonly audit: Audit
}

/**
 * The page where a person types the code that a device shows. A code that came along in the address is filled in, and
 * has to be sent by the person all the same (RFC 10027): a link alone must get nobody in.
 */
export function createDevicePage(deps: DevicePageDeps): Readonly<Record<'show' | 'enter', RequestHandler>> {
  const { config, native, devices, begin, brake, audit } = deps

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
    if (brake.isOver(exchange.clientAddress)) throw new GatewayError('too_many_requests', 'too many wrong codes of this address')
    const params = readBodyParams(req)
    const ask = await devices.find((params.get('user_code') ?? '').slice(0, longestTyped))
    if (ask === null) {
      brake.count(exchange.clientAddress)
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
