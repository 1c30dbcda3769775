import type { MessageShape } from "@bufbuild/protobuf";
import type {
  AuthenticationRuleSchema,
  AuthRequirementSchema,
} from "../google/gen/google/api/auth_pb.ts";
import type { Apis } from "./apis.ts";
import { didYouMean } from "./did-you-mean.ts";
import { type ProviderEntry, splitAudiences } from "./jwt-providers.ts";
import type { JwtRequirement, RoutePolicy } from "./model.ts";
import type { Places } from "./places.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import { resolveRules } from "./rule-set.ts";
import type { ServiceDocument } from "./service-document.ts";

type AuthenticationRule = MessageShape<typeof AuthenticationRuleSchema>;
type AuthRequirement = MessageShape<typeof AuthRequirementSchema>;

/** Whose token each method needs, by full method name; a method that is not in it is open (AR-1 to AR-6). */
export function resolveRoutePolicies(
  { service, places }: ServiceDocument,
  apis: Apis,
  providers: ReadonlyMap<string, ProviderEntry>,
  problems: ProblemList,
): ReadonlyMap<string, RoutePolicy> {
  const rules = service.authentication?.rules ?? [];
  const policies = new Map<AuthenticationRule, RoutePolicy>();
  for (const rule of rules) {
    const { at } = places.of(rule);
    const requirements = rule.requirements.flatMap((requirement) =>
      readRequirement(requirement, providers, places, problems),
    );
    const isOpen = rule.requirements.length === 0;
    const allowMissing = rule.allowWithoutCredential;
    policies.set(
      rule,
      isOpen ? { kind: "open", at } : { kind: "jwt", at, requirements, allowMissing },
    );
  }
  const { winners } = resolveRules("authentication", rules, apis, places, problems);
  const resolved = new Map<string, RoutePolicy>();
  for (const [method, rule] of winners) {
    const policy = policies.get(rule);
    if (policy !== undefined) resolved.set(method, policy);
  }
  return resolved;
}

/** One requirement; none where it is faulty. */
function readRequirement(
  requirement: AuthRequirement,
  providers: ReadonlyMap<string, ProviderEntry>,
  places: Places,
  problems: ProblemList,
): readonly JwtRequirement[] {
  const { at, path, faulty } = places.field(requirement, "provider_id");
  if (faulty) return [];
  const entry = providers.get(requirement.providerId);
  if (requirement.providerId === "" || entry === undefined) {
    const ids = [...providers.keys()].filter((id) => id !== "");
    const fault = faultOfProviderId(requirement.providerId, ids);
    problems.error(at, { ...fault, path });
    return [];
  }
  const own = splitAudiences(requirement.audiences);
  const place = places.field(requirement, "audiences");
  if (own.length > 0 && entry.namesAudiences) warnAudiencesTwice(requirement, places, problems);
  if (entry.provider === undefined) return [];
  const { audiences, audiencesAt } = entry;
  const accepted =
    own.length > 0 ? { audiences: own, audiencesAt: place.at } : { audiences, audiencesAt };
  return [{ provider: entry.provider, ...accepted }];
}

function faultOfProviderId(id: string, known: readonly string[]) {
  if (id === "") {
    const message = "this requirement names no provider";
    const hint = `Write provider_id: ${known[0] ?? "ID"}`;
    return { code: "missing-field", message, hint };
  }
  const close = didYouMean(id, known);
  const list = known.length === 0 ? "There is none" : `There are ${known.join(", ")}`;
  const hint =
    close === undefined
      ? `${list}; add it under authentication.providers`
      : `Did you mean ${close}?`;
  return {
    code: "unknown-provider",
    message: `there is no authentication provider ${quote(id)}`,
    hint,
  };
}

/** The data plane takes the requirement's (AR-3); Google's compiler refuses the pair. */
function warnAudiencesTwice(
  requirement: AuthRequirement,
  places: Places,
  problems: ProblemList,
): void {
  const { at, path } = places.field(requirement, "audiences");
  problems.warning(at, {
    code: "audiences-twice",
    message: `provider ${quote(requirement.providerId)} names audiences too; API Gateway takes them in one place only`,
    path,
    hint: "Write audiences in the provider, and a second provider where a method needs others",
  });
}
