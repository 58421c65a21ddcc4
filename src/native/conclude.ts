import type { Response } from 'express'
import type { NativeLeg } from '../auth/callback.ts'
import { sendPage } from '../auth/respond.ts'
import type { GatewayConfig } from '../config/config.ts'
import { donePage } from '../pages/done-page.ts'
import type { NativeAsk } from '../session/attempts.ts'
import { toOAuthError } from './answer-error.ts'
import type { BeginAgent } from './begin-agent.ts'
import type { ClientAnswer } from './client-answer.ts'
import type { CodeGrant, Codes } from './codes.ts'
import type { DeviceOutcome, DeviceRequests } from './device-requests.ts'
import { OAuthError } from './oauth-error.ts'

/** What follows on the person's answer, or on there being none: the client is told, and the person sees a page. */
export interface Conclude extends NativeLeg {
  /** @throws {GatewayError} `store_unavailable` */
  approve(res: Response, ask: NativeAsk, approval: Omit<CodeGrant, 'ask' | 'approvedAt'>): Promise<void>
  deny(res: Response, ask: NativeAsk): Promise<void>
}

export interface ConcludeDeps {
  readonly config: Pick<GatewayConfig, 'paths' | 'pages'>
  readonly codes: Codes
  readonly devices: DeviceRequests
  readonly answer: ClientAnswer
  readonly beginAgent: BeginAgent
  readonly now: () => number
}

export function createConclude({ config, codes, devices, answer, beginAgent, now }: ConcludeDeps): Conclude {
  /** It asks by itself; here is only the person. */
  async function tellDevice(res: Response, ask: NativeAsk, outcome: DeviceOutcome): Promise<void> {
    const isKept = await devices.decide(ask, outcome)
    sendPage(res, donePage({ brand: config.pages, outcome: !isKept ? 'late' : outcome.isApproved ? 'approved' : 'denied' }))
  }

  return {
    async approve(res, ask, approval) {
      const approved = { ...approval, approvedAt: now() }
      if (ask.agent !== undefined) return await beginAgent(res, ask.agent, { ...approved, ask })
      if (ask.answer === null) return await tellDevice(res, ask, { ...approved, ask, isApproved: true })
      const code = await codes.mint({ ...approved, ask: { ...ask, answer: ask.answer } })
      answer.grant(res, ask.answer, code)
    },

    async deny(res, ask) {
      if (ask.agent !== undefined) return sendPage(res, donePage({ brand: config.pages, outcome: 'no_agent' }))
      if (ask.answer === null) return await tellDevice(res, ask, { isApproved: false })
      answer.refuse(res, ask.answer, new OAuthError('access_denied', 'The person said no.'), 'denied')
    },

    approvalPath: attemptId => `${config.paths.native}/approve/${attemptId}`,

    async fail(res, ask, error) {
      if (ask.answer === null) throw error
      answer.refuse(res, ask.answer, toOAuthError(error), 'failed')
    },
  }
}
