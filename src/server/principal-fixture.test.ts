import assert from "node:assert/strict";
import { Code } from "@connectrpc/connect";
import type { LogEntry } from "./call-log.ts";
import type { TestIssuer } from "./issuer-fixture.test.ts";
import { type Principal, principalKey } from "./principal.ts";
import type { PrincipalPolicy } from "./prove-principal.ts";
import { callRaw } from "./raw-client-fixture.test.ts";
import { startTestServer, testGuard } from "./server-fixture.test.ts";

const everybody = 'rules: [{ selector: "*", allow: [allUsers] }]';

export interface Seen {
  /** Whom the implementation saw; undefined: it did not run. */
  readonly principal: Principal | undefined;
  readonly grpcStatus: number | undefined;
  readonly grpcMessage: string | undefined;
  readonly entry: LogEntry | undefined;
}

/** One call, with these header pairs, to a server that lets everybody in. */
export async function seenBy(
  issuer: TestIssuer,
  headers: readonly string[],
  policy: Partial<PrincipalPolicy> = {},
  trailers?: Record<string, string>,
): Promise<Seen> {
  let principal: Principal | undefined;
  using guarded = testGuard(issuer, everybody, policy);
  await using server = await startTestServer({
    guard: guarded.guard,
    interceptors: [
      (next) => (request) => {
        principal = request.contextValues.get(principalKey);
        return next(request);
      },
    ],
  });
  const { grpcStatus, grpcMessage } = await callRaw(server.url, headers, trailers);
  const [entry] = await server.logged(1);
  assert.doesNotMatch(JSON.stringify(entry), /eyJ/, "a token in the log");
  return { principal, grpcStatus, grpcMessage, entry };
}

/** The call is refused with 16 before the implementation runs, and the log says why. */
export async function assertUnproven(
  issuer: TestIssuer,
  headers: readonly string[],
  why: RegExp,
  policy?: Partial<PrincipalPolicy>,
): Promise<void> {
  const { principal, grpcStatus, grpcMessage, entry } = await seenBy(issuer, headers, policy);
  assert.equal(grpcStatus, Code.Unauthenticated);
  assert.equal(principal, undefined, "the implementation ran");
  assert.match(grpcMessage ?? "", /^the token in (x-forwarded-)?authorization is not accepted$/);
  const event = entry?.callpath as { rejection: { reason: string; detail: string } };
  assert.equal(event.rejection.reason, "PRINCIPAL_UNPROVEN");
  assert.match(event.rejection.detail, why);
}

export function bearer(token: string): string {
  return `Bearer ${token}`;
}
