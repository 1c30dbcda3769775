import type { IdToken } from "../../auth/token-source.ts";
import type { Fault } from "./fault.ts";
import type { IdTokenRequest } from "./tokens.ts";

/** The compact JWT that goes over HTTP: what was asked for, or what a lie makes of it. */
export function mintUnderFault(
  mint: (request: IdTokenRequest) => IdToken,
  request: IdTokenRequest,
  { lie }: Fault,
): string {
  switch (lie) {
    case "wrong-audience":
      return mint({ ...request, audience: "https://not.what.was.asked" }).value;
    case "expired":
      return mint({ ...request, lifetimeS: -3600 }).value;
    case "illegal-token":
      return `${mint(request).value}\nx-injected: 1`;
    default:
      return mint(request).value;
  }
}
