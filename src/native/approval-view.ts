import { personName } from '../auth/person-name.ts'
import type { Proofs } from '../auth/proofs.ts'
import type { GatewayConfig } from '../config/config.ts'
import type { NativeClient, NativeConfig } from '../config/native-config.ts'
import { agentApprovalPage } from '../pages/agent-approval-page.ts'
import { approvalPage } from '../pages/approval-page.ts'
import { texts } from '../pages/text.ts'
import type { AttemptTicket, NativeAsk } from '../session/attempts.ts'
import type { SignIn } from '../session/session.ts'
import { matchingCode } from './matching-code.ts'
import { describeDestination } from './redirects.ts'

/** What waits for a person's yes. */
export interface ParkedAsk {
  readonly ticket: AttemptTicket
  readonly ask: NativeAsk
  readonly client: NativeClient
  readonly signIn: SignIn
}

/** The page that asks. @param isNoneChosen whether the person has just said yes to no scope */
export type ApprovalView = (parked: ParkedAsk, isNoneChosen?: boolean) => string

export interface ApprovalViewDeps {
  readonly config: GatewayConfig
  readonly native: NativeConfig
  readonly proofs: Proofs
  readonly now: () => number
}

/** Creates what writes the approval out: all that the session is going to be, as it was parked. */
export function createApprovalView({ config, native, proofs, now }: ApprovalViewDeps): ApprovalView {
  const base = `${config.paths.native}/approve`

  return function approvalView({ ticket, ask, client, signIn }, isNoneChosen = false) {
    const { answer, device, agent, scopes } = ask
    const shown = {
      brand: config.pages,
      client,
      person: personName(config, signIn.claims) ?? signIn.sub,
      scopes,
      isNoneChosen,
      approvePath: `${base}/${ticket.id}`,
      otherAccountPath: `${base}/${ticket.id}/other-account`,
      formToken: proofs.approvalToken(ticket),
    }
    if (agent !== undefined) return agentApprovalPage({ ...shown, agent })
    return approvalPage({
      ...shown,
      resources: ask.resources,
      destination: answer === null ? null : destinationOf(answer.redirectUri),
      until: now() + native.absoluteTimeoutMs,
      matchingCode: answer === null ? (device?.userCode ?? null) : matchingCode(answer.challenge),
      device: device === null ? null : { startedAt: device.startedAt, startedFrom: device.startedFrom },
    })
  }
}

function destinationOf(redirectUri: string): string {
  const destination = describeDestination(redirectUri)
  if (destination.kind === 'loopback') return `${texts.approval.loopback} ${destination.port}`
  return destination.kind === 'site' ? destination.host : `${destination.scheme}:`
}
