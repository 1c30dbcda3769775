import type { Fault } from "./fault.ts";
import type { AccountKey } from "./issuer-state.ts";
import type { KeyRing } from "./key-ring.ts";
import type { SigningKey } from "./signing-key.ts";
import type { AccessToken, AccessTokenFacts, IdTokenRequest } from "./tokens.ts";

/** What the issuer's faces (token endpoint, key sets, IAM Credentials) need of it. */
export interface IssuerParts {
  readonly nowMs: () => number;
  /** Of the cleartext port, e.g. http://127.0.0.1:43121. */
  readonly origin: string;
  /** `aud` values of assertions that mean this issuer. */
  readonly tokenAudiences: ReadonlySet<string>;
  ring(): KeyRing;
  signer(): SigningKey;
  /** How long key sets may be kept, in seconds. */
  readonly keyMaxAgeS: number;
  accountKeyOf(email: string): AccountKey | undefined;
  /** The compact JWT, falsified as the fault says. */
  mintOverHttp(request: IdTokenRequest, fault: Fault): string;
  mintAccessToken(request: AccessTokenRequest): AccessToken;
  checkAccessToken(value: string): AccessTokenFacts | undefined;
  mayMintAs(caller: string, target: string): boolean;
}

export interface AccessTokenRequest {
  readonly email: string;
  readonly scopes: readonly string[];
  /** Default 3600. */
  readonly lifetimeS?: number;
}
