import assert from "node:assert/strict";
import type { ServiceImpl } from "@connectrpc/connect";
import { InventoryService } from "../../test/other-service/gen/es/acme/inventory/v1/inventory_service_pb.ts";
import { inventory } from "../../test/other-service/server/inventory.ts";
import { createIdTokenVerifier } from "../auth/verify-id-token.ts";
import type { LogEntry } from "./call-log.ts";
import { createGuard, type Guard } from "./guard.ts";
import { gatewayAudience, nowMs, type TestIssuer } from "./issuer-fixture.test.ts";
import type { PrincipalPolicy } from "./prove-principal.ts";
import { readAccess } from "./read-access.ts";
import { methodsOf, type RunningServer, type ServerOptions, startServer } from "./start-server.ts";

export const targetAudience = "https://inventory-123.us-central1.run.app";
export const gatewayAccount = "gateway-sa@p.iam.gserviceaccount.com";

export const routes: ServerOptions["routes"] = (router) =>
  router.service(InventoryService, inventory({ revision: "r", instanceId: "00bf4bf02d01cf61" }));

/** A server whose methods do this. */
export function serving(
  implementation: Partial<ServiceImpl<typeof InventoryService>>,
): ServerOptions["routes"] {
  return (router) => router.service(InventoryService, implementation);
}

export interface TestServer extends AsyncDisposable {
  readonly url: URL;
  /** Every log entry so far. */
  readonly entries: readonly LogEntry[];
  /** Resolves when there are that many: the server sees a stream's end in its own time. */
  logged(count: number): Promise<readonly LogEntry[]>;
  readonly running: RunningServer;
}

export async function startTestServer(options: Partial<ServerOptions> = {}): Promise<TestServer> {
  const entries: LogEntry[] = [];
  let told: (() => void) | undefined;
  const running = await startServer({
    routes,
    host: "127.0.0.1",
    port: 0,
    nowMs: () => nowMs,
    log: (entry) => {
      entries.push(entry);
      told?.();
    },
    ...options,
  });
  return {
    url: running.url,
    running,
    entries,
    async logged(count) {
      while (entries.length < count)
        await new Promise<void>((resolve) => {
          told = resolve;
        });
      return entries;
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** A guard of the given access.yaml (or, without one, of --validateToken alone), and what it holds open. */
export function testGuard(
  issuer: TestIssuer,
  access: string | undefined,
  policy: Partial<PrincipalPolicy> = {},
): { readonly guard: Guard } & Disposable {
  const verifier = createIdTokenVerifier({ jwksUrl: issuer.jwksUrl, nowMs: () => nowMs });
  const rules = access === undefined ? undefined : testRules(access);
  const guard = createGuard({
    principal: {
      gatewayAudience,
      targetAudience,
      gatewayAccount,
      trustPlatform: false,
      ignoreForwarded: false,
      verifier,
      ...policy,
    },
    ...(rules === undefined ? {} : { rules: () => rules }),
  });
  return { guard, [Symbol.dispose]: () => verifier[Symbol.dispose]() };
}

function testRules(text: string) {
  const { rules, problems } = readAccess("server/access.yaml", text, methodsOf(routes), {});
  assert.deepEqual(problems, []);
  assert.ok(rules);
  return rules;
}
