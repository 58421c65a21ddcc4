import type { ProviderConfig } from '../config/config.ts'
import type { AccessToken, KeptToken, SignIn } from '../session/session.ts'

/**
 * All talk with one IdP. Everything it throws is a GatewayError:
 *   `idp_unavailable` when it cannot be reached, is slow, answers 5xx or something that is no protocol answer;
 *   `access_denied` (reason `denied_by_provider`) when the IdP answers the authorization request with an error;
 *   `bad_request` with a reason (`state_mismatch`, `issuer_mismatch`, `nonce_mismatch`, `id_token_invalid`,
 *   `code_refused`, …) when what it or the browser brought does not stand the checks;
 *   `session_expired`, from `refresh` alone, when the refresh token is refused (reason `invalid_grant`) or the
 *   answer is about somebody else (`id_token_changed`, `id_token_invalid`, `userinfo_changed`);
 *   `insufficient_scope`, from `refresh` for an audience, `exchange` and `clientToken`, when the provider refuses this
 *   one token, with its own word as the reason (`invalid_target`, `invalid_scope`, `unauthorized_client`, …).
 *
 * `access_denied` is also for people whom the `allow` rules keep out (reason `not_allowed`), at sign-in and
 * at a refresh that brought new claims, and for what a silent sign-in may be told (`login_required`,
 * `interaction_required`, `consent_required`, `account_selection_required`).
 */
export interface Provider {
  readonly config: ProviderConfig

  /** Where the browser goes to sign in. Needs metadata, so may throw `idp_unavailable`. */
  authorizationUrl(request: AuthorizationRequest): Promise<URL>

  /** Redeems a callback for a sign-in, after all checks. One token request at most. */
  redeem(callback: Callback): Promise<SignIn>

  /** One refresh grant. Keeps the old refresh token where none is returned. */
  refresh(request: RefreshRequest): Promise<Refreshed>

  /** One token exchange (RFC 8693): for a token of somebody, one that an API takes. */
  exchange(request: ExchangeRequest): Promise<AccessToken>

  /** One token for the gateway itself, by its client credentials. */
  clientToken(request: { readonly audience: string; readonly scopes: readonly string[] }): Promise<AccessToken>

  /**
   * Revokes a token (RFC 7009). `done` also when the provider no longer knows it; `unsupported` when it has no place
   * for that, or not for this kind of token. Whatever else happens throws `idp_unavailable`: try again later.
   */
  revoke(request: { readonly token: string; readonly hint: 'refresh_token' | 'access_token' }): Promise<'done' | 'unsupported'>

  /**
   * Checks a token by which the provider says that it has signed somebody out (Back-Channel Logout 1.0). Whether it
   * was seen before is for the caller to find out, by its `jti`.
   *
   * Throws `bad_request` (`logout_token_form`, `logout_token_type`, `logout_token_claims`, `logout_token_signature`);
   * `idp_unavailable` when the keys cannot be had.
   */
  verifyLogoutToken(jwt: string): Promise<LogoutToken>

  /**
   * Whether the provider's ID tokens tell when the person authenticated, so that `maxAge` can be checked. False only
   * where its metadata lists the claims that it knows, without `auth_time`. May throw `idp_unavailable`.
   */
  tellsAuthTime(): Promise<boolean>

  /** Where the browser goes to sign out there; null when the IdP offers no such place. */
  endSessionUrl(request: {
    readonly idToken: string | null
    readonly logoutHint: string | null
    readonly postLogoutRedirectUri: string
    readonly state: string
  }): Promise<URL | null>
}

export interface AuthorizationRequest {
  readonly redirectUri: string
  readonly state: string
  readonly nonce: string
  /** PKCE code verifier; the challenge is derived here (S256). */
  readonly verifier: string
  /** Parameters for this one request, names already checked: prompt, max_age, acr_values, login_hint, … */
  readonly params: Readonly<Record<string, string>>
}

export interface Callback {
  readonly redirectUri: string
  /** The query as received, without `?`; no parameter repeated. */
  readonly query: URLSearchParams
  readonly state: string
  readonly nonce: string
  readonly verifier: string
  /** Seconds, when the authorization request asked for it; auth_time is then checked. */
  readonly maxAge?: number
}

export interface RefreshRequest {
  readonly refreshToken: string
  readonly sub: string
  /**
   * What the token to be renewed had, which an answer without `scope` stands for where none was asked for
   * (RFC 6749 §6). Never sent.
   */
  readonly scopes: readonly string[]
  /**
   * Whom the new token is for, as `audienceParameter` says it. Without it: whatever the sign-in's own was for. With
   * `resource`, only one that was named at the sign-in: others are refused (`invalid_target`), and by some providers
   * so late that the refresh token is spent (oidc-provider: its next use ends the grant).
   */
  readonly audience?: string
  /** To ask for, as far as they are in `granted`; where none is, no scope is asked for (RTK-06). */
  readonly requestScopes?: readonly string[]
  /**
   * What the grant as a whole may be used for. Not what the sign-in's answer said, where there are several APIs: that
   * is about its own token. Without it no scope is asked for.
   */
  readonly granted?: readonly string[]
}

export interface ExchangeRequest {
  /** An access token of the session's. */
  readonly subjectToken: string
  /** Whom the new one is for: the provider's name for it, its address, or both. */
  readonly audience: string | null
  readonly resource: string | null
  /** To ask for; none for whatever the provider gives. */
  readonly scopes: readonly string[]
}

export interface Refreshed {
  readonly refreshToken: string
  /** As in `SignIn`, said anew with this answer. */
  readonly grantExpiresAt: number | null
  readonly access: AccessToken
  /** Mapped anew when the answer brought an ID token or UserInfo was asked; otherwise null: keep the old ones. */
  readonly claims: Readonly<Record<string, unknown>> | null
  /** Null when the answer brought none that could be checked, and where nobody has use for it. */
  readonly idToken: KeptToken | null
}

/** Who is signed out: one session (`sid`), or all of a person's (`sub` alone). At least one of the two is there. */
export interface LogoutToken {
  readonly sub: string | null
  readonly sid: string | null
  readonly jti: string
  /** Epoch ms. */
  readonly issuedAt: number
  /** From then on the same token is refused for its age; until then its `jti` must be remembered. Epoch ms. */
  readonly expiresAt: number
}

/** Whom a token is to be for, in the provider's own way (RFC 8707 §2.2). */
export function audienceParam({ audienceParameter }: ProviderConfig, audience: string | undefined): Record<string, string> {
  return audience === undefined || audienceParameter === 'none' ? {} : { [audienceParameter]: audience }
}
