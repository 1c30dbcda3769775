import { create } from "@bufbuild/protobuf";
import { BindingSchema, type Policy } from "../../google/gen/google/iam/v1/policy_pb.ts";
import type { Store } from "../store.ts";
import { changePolicy } from "./policy-resource.ts";

/** Grant a role on a resource; false: the member had it, and nothing was written. Throws on what is no IAM member. */
export function addBinding(store: Store, resource: string, role: string, member: string): boolean {
  return changePolicy(store, resource, (policy) => {
    const binding = unconditional(policy, role);
    if (binding?.members.includes(member)) return false;
    if (binding) binding.members.push(member);
    else policy.bindings.push(create(BindingSchema, { role, members: [member] }));
    return true;
  });
}

/** Revoke it; false: the member did not have it. A binding without members goes. */
export function removeBinding(
  store: Store,
  resource: string,
  role: string,
  member: string,
): boolean {
  return changePolicy(store, resource, (policy) => {
    const binding = unconditional(policy, role);
    if (!binding?.members.includes(member)) return false;
    binding.members = binding.members.filter((other) => other !== member);
    policy.bindings = policy.bindings.filter(({ members }) => members.length > 0);
    return true;
  });
}

/** Give a role to exactly these members; false: they had it already, and nobody else. */
export function setMembers(
  store: Store,
  resource: string,
  role: string,
  members: readonly string[],
): boolean {
  return changePolicy(store, resource, (policy) => {
    const wanted = [...new Set(members)];
    const had = unconditional(policy, role)?.members ?? [];
    if (had.length === wanted.length && wanted.every((member) => had.includes(member)))
      return false;
    policy.bindings = policy.bindings.filter(
      (binding) => binding.role !== role || binding.condition !== undefined,
    );
    if (wanted.length > 0) policy.bindings.push(create(BindingSchema, { role, members: wanted }));
    return true;
  });
}

/** IAM keeps conditional bindings of a role apart. */
function unconditional({ bindings }: Policy, role: string) {
  return bindings.find((binding) => binding.role === role && binding.condition === undefined);
}
