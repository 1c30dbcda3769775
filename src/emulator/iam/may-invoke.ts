import { PolicySchema } from "../../google/gen/google/iam/v1/policy_pb.ts";
import type { Store } from "../store.ts";
import { type Caller, matchesMember } from "./members.ts";

/**
 * Does a Cloud Run service's policy let this caller in? undefined: a caller without a token. Asks the policy only:
 * `invoker_iam_disabled` stands in the service, and whoever asks looks there first.
 *
 * @param service the resource name, projects/P/locations/L/services/S
 */
export function mayInvoke(store: Store, service: string, caller: Caller | undefined): boolean {
  for (const { role, members, condition } of bindingsOf(store, service)) {
    // Nothing here evaluates CEL; what cannot be evaluated grants nothing, as in IAM.
    if (!INVOKING_ROLES.has(role) || condition !== undefined) continue;
    for (const member of members) if (matchesMember(member, caller)) return true;
  }
  return false;
}

/** Who may invoke it, as written in the policy, for people to read. */
export function invokersOf(store: Store, service: string): readonly string[] {
  const granting = bindingsOf(store, service).filter(
    ({ role, condition }) => INVOKING_ROLES.has(role) && condition === undefined,
  );
  return [...new Set(granting.flatMap(({ members }) => members))];
}

function bindingsOf(store: Store, resource: string) {
  return store.get(PolicySchema, resource)?.message.bindings ?? [];
}

/** Predefined roles with run.routes.invoke. */
const INVOKING_ROLES: ReadonlySet<string> = new Set([
  "roles/run.invoker",
  "roles/run.servicesInvoker",
  "roles/run.admin",
]);
