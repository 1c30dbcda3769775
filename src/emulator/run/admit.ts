import type { KeySet } from "../../auth/key-set.ts";
import type { CheckedToken, VerifiedTokens } from "../../gateway/decide/verified-tokens.ts";
import { type Service, ServiceSchema } from "../../google/gen/google/cloud/run/v2/service_pb.ts";
import { IngressTraffic } from "../../google/gen/google/cloud/run/v2/vendor_settings_pb.ts";
import { type Field, firstValue, type Head } from "../../http2/head.ts";
import { mayInvoke } from "../iam/may-invoke.ts";
import type { Store } from "../store.ts";
import { checkCaller } from "./check-caller.ts";
import { type Denial, forbidden, notFound, tokenInvalid, unauthenticated } from "./denials.ts";

export interface Gate {
  /** Resource name of the service: its message and policy are read in the store at each call. */
  readonly serviceName: string;
  readonly store: Store;
  /** The issuer's keys now; the same object while they are the same. */
  readonly keys: () => KeySet;
  /** Origins that are this service's address, first the one to recommend: accepted audiences, beside custom ones. */
  readonly origins: () => readonly string[];
  readonly verified: VerifiedTokens;
}

/** Whether a call reaches an instance, and who makes it. */
export type Admission =
  | {
      readonly kind: "admitted";
      readonly principal: string | undefined;
      readonly checked: Checked | undefined;
    }
  | { readonly kind: "denied"; readonly principal: string | undefined; readonly denial: Denial };

/** A token that was checked here, and the header that brought it. */
export interface Checked {
  readonly field: Field;
  readonly token: CheckedToken;
}

/**
 * Cloud Run's order: ingress, then who calls (checkCaller), then whether they may invoke. Where everybody may, no token
 * is looked at: it is the application's.
 */
export function admit(head: Head, gate: Gate, nowMs: number): Admission {
  const { serviceName, store } = gate;
  const path = firstValue(head, ":path") ?? "/";
  const message = store.get(ServiceSchema, serviceName)?.message;
  if (message === undefined) {
    return denied(notFound(`${serviceName} was deleted`, "deploy it again"));
  }
  if (!isReachable(message)) {
    return denied(notFound(`${serviceName} takes no calls from outside`, "set ingress to ALL"));
  }
  if (message.invokerIamDisabled || mayInvoke(store, serviceName, undefined)) {
    return { kind: "admitted", principal: undefined, checked: undefined };
  }
  const audiences = [...gate.origins(), ...message.customAudiences];
  const caller = checkCaller(head, { ...gate, keys: gate.keys(), audiences }, nowMs);
  if (caller.kind === "anonymous") return denied(unauthenticated(path, audiences[0] ?? ""));
  if (caller.kind === "invalid") return denied(tokenInvalid(path, caller.detail, caller.fix));
  const { email, emailVerified, sub } = caller.token.claims;
  const principal = email ?? sub;
  if (!mayInvoke(store, serviceName, { email, emailVerified })) {
    const member = email !== undefined && emailVerified ? memberOf(email) : undefined;
    return denied(forbidden(path, member, lastPart(serviceName)), principal);
  }
  return { kind: "admitted", principal, checked: caller };
}

function isReachable({ ingress }: Service): boolean {
  return ingress === IngressTraffic.ALL || ingress === IngressTraffic.UNSPECIFIED;
}

function memberOf(email: string): string {
  return `${email.endsWith(".gserviceaccount.com") ? "serviceAccount" : "user"}:${email}`;
}

function lastPart(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function denied(denial: Denial, principal?: string): Admission {
  return { kind: "denied", denial, principal };
}
