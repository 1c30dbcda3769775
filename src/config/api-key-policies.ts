import type { Apis } from "./apis.ts";
import { selectorOf } from "./apis.ts";
import type { ApiKeyPolicy } from "./model.ts";
import type { ProblemList } from "./problem-list.ts";
import { resolveRules } from "./rule-set.ts";
import type { ServiceDocument } from "./service-document.ts";

/** Whether each method needs an API key, by full method name (UC-1, UC-7). */
export function resolveApiKeyPolicies(
  { service, places, start }: ServiceDocument,
  apis: Apis,
  problems: ProblemList,
): ReadonlyMap<string, ApiKeyPolicy> {
  const usage = places.field(service, "usage");
  const usageAt = usage.written ? usage.keyAt : start;
  const rules = service.usage?.rules ?? [];
  const { winners } = resolveRules("usage", rules, apis, places, problems);
  const policies = new Map<string, ApiKeyPolicy>();
  for (const method of apis.methods) {
    const name = selectorOf(method);
    const rule = winners.get(name);
    const required =
      rule === undefined
        ? !healthMethods.has(name)
        : !rule.allowUnregisteredCalls && !rule.skipServiceControl;
    policies.set(name, { required, at: rule === undefined ? usageAt : places.of(rule).at });
  }
  const isFaulty = usage.faulty || (service.usage && places.field(service.usage, "rules").faulty);
  if (rules.length === 0 && !isFaulty) {
    problems.warning(usageAt, {
      code: "missing-usage",
      message: "without usage rules every method needs an API key",
      path: "usage.rules",
      hint: 'Write usage: { rules: [{ selector: "*", allow_unregistered_calls: true }] }',
    });
  }
  return policies;
}

/** UC-7: health checks need none unless a rule says so. */
const healthMethods = new Set(["grpc.health.v1.Health.Check", "grpc.health.v1.Health.Watch"]);
