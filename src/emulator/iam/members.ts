/** Who calls, as far as a verified token says. */
export interface Caller {
  readonly email?: string | undefined;
  /** An email counts only when this is true. */
  readonly emailVerified?: boolean | undefined;
}

/**
 * Does an IAM member name this caller? `allUsers` names everybody, `allAuthenticatedUsers` everybody with a verified
 * email; `domain:` names people, never service accounts. Groups, principal sets and project roles are not known here and
 * name nobody; neither does `deleted:`, whatever account has that email today.
 * @see google/iam/v1/policy.proto
 */
export function matchesMember(member: string, caller: Caller | undefined): boolean {
  if (member === "allUsers") return true;
  if (caller?.email === undefined || caller.emailVerified !== true) return false;
  if (member === "allAuthenticatedUsers") return true;
  const colon = member.indexOf(":");
  const name = member.slice(colon + 1).toLowerCase();
  const email = caller.email.toLowerCase();
  const isServiceAccount = email.endsWith(".gserviceaccount.com");
  switch (member.slice(0, colon)) {
    case "serviceAccount":
      return isServiceAccount && email === name;
    case "user":
      return !isServiceAccount && email === name;
    case "domain":
      return !isServiceAccount && email.endsWith(`@${name}`);
    default:
      return false;
  }
}
