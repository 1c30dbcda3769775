import type { JwtProvider, JwtRequirement, RoutePolicy } from "../../config/model.ts";
import type { RejectionReason } from "../../rejection/reasons.ts";
import type { CheckedToken } from "./verified-tokens.ts";

/** What the gateway looks at in a token, in its order (JV-1). */
export const tokenRules = ["token", "issuer", "time", "audience", "signature"] as const;
export type TokenRule = (typeof tokenRules)[number];

export type JwtOutcome = NotNeeded | Verified | JwtFailure | KeysMissing;

/** The route is open, or no token was sent where none is needed (AR-1, AR-4). */
export interface NotNeeded {
  readonly kind: "not-needed";
  readonly policy: RoutePolicy;
}

export interface Verified {
  readonly kind: "verified";
  readonly token: CheckedToken;
  readonly requirement: JwtRequirement;
}

export interface JwtFailure {
  readonly kind: "failed";
  /** What was looked at last: everything before it in `tokenRules` was fine, nothing after it was looked at. */
  readonly rule: TokenRule;
  readonly reason: RejectionReason;
  /** Envoy's words. */
  readonly message: string;
  readonly requirement: JwtRequirement;
  /** The rule that asks for a token. */
  readonly policy: RoutePolicy;
  /** undefined: there is none, or it could not be read. */
  readonly token: CheckedToken | undefined;
  /** It is none, but an access token of Google's (`ya29.`): a common mix-up. */
  readonly isAccessToken: boolean;
  /** Its signature is the one Cloud Run writes over those it delivers. */
  readonly isSignatureRemoved: boolean;
}

export interface KeysMissing {
  readonly kind: "keys-needed";
  readonly provider: JwtProvider;
  readonly token: CheckedToken;
  readonly requirement: JwtRequirement;
}
