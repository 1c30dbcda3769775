import { clone, create } from "@bufbuild/protobuf";
import { type Policy, PolicySchema } from "../../google/gen/google/iam/v1/policy_pb.ts";
import { EtagMismatch, type Store } from "../store.ts";

/** A policy that IAM would not take: INVALID_ARGUMENT. */
export class InvalidPolicy extends Error {
  override readonly name = "InvalidPolicy";
}

/**
 * GetIamPolicy: the policy kept under a resource's name, with the etag that a later write needs; an empty one when there
 * is none. A copy: changing it changes nothing.
 */
export function readPolicy(store: Store, resource: string): Policy {
  const held = store.get(PolicySchema, resource);
  if (held === undefined) return create(PolicySchema, { version: 1, etag: NO_POLICY });
  const policy = clone(PolicySchema, held.message);
  policy.etag = new TextEncoder().encode(held.etag);
  return policy;
}

/**
 * SetIamPolicy: write it whole, over the version its etag names; an empty etag overwrites whatever is there. Returns what
 * is now held. Throws EtagMismatch when it was changed meanwhile, InvalidPolicy on what IAM would not take.
 */
export function writePolicy(store: Store, resource: string, policy: Policy): Policy {
  checkPolicy(policy);
  const message = clone(PolicySchema, policy);
  message.etag = new Uint8Array(); // the store has its own
  store.put(PolicySchema, resource, message, storeEtag(policy.etag));
  return readPolicy(store, resource);
}

/**
 * Read, change, write with the etag read; again when somebody was faster. `change` returns false when there is nothing
 * to change; then nothing is written.
 */
export function changePolicy(
  store: Store,
  resource: string,
  change: (policy: Policy) => boolean,
): boolean {
  for (let attempt = 1; ; attempt++) {
    const policy = readPolicy(store, resource);
    if (!change(policy)) return false;
    try {
      writePolicy(store, resource, policy);
      return true;
    } catch (error) {
      if (!(error instanceof EtagMismatch) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

function checkPolicy({ version, bindings }: Policy): void {
  if (![0, 1, 3].includes(version)) {
    throw new InvalidPolicy(`policy version ${version} is unknown: use 1, or 3 with conditions`);
  }
  let count = 0;
  for (const { role, members, condition } of bindings) {
    if (condition !== undefined && version !== 3) {
      throw new InvalidPolicy(`${role}: a condition needs a policy of version 3`);
    }
    const unknown = members.find((member) => !MEMBER.test(member));
    if (unknown !== undefined) throw new InvalidPolicy(`${role}: ${notAMember(unknown)}`);
    count += members.length;
  }
  if (count > MAX_MEMBERS) {
    throw new InvalidPolicy(`${count} members in one policy: IAM takes ${MAX_MEMBERS}`);
  }
}

function notAMember(member: string): string {
  return `${JSON.stringify(member)} is no IAM member; write allUsers, allAuthenticatedUsers, user:EMAIL, serviceAccount:EMAIL, group:EMAIL or domain:NAME`;
}

/** The store's form of a policy's etag; undefined: write over anything. */
function storeEtag(etag: Uint8Array): string | undefined {
  if (etag.length === 0) return undefined;
  return Buffer.from(etag).equals(NO_POLICY) ? "" : new TextDecoder().decode(etag);
}

/** IAM's own etag for "no policy yet". */
const NO_POLICY = Uint8Array.from(Buffer.from("ACAB", "base64"));
const MAX_ATTEMPTS = 5;
/** @see google/iam/v1/policy.proto */
const MAX_MEMBERS = 1500;
const MEMBER =
  /^(allUsers|allAuthenticatedUsers|(deleted:)?(user|serviceAccount|group):[^\s@:?]+@[^\s@:?]+(\?uid=\d+)?|domain:[^\s@:]+|principal(Set)?:\/\/\S+|project(Owner|Editor|Viewer):\S+)$/;
