import { resolveApiKeyPolicies } from "./api-key-policies.ts";
import { type Apis, grpcPathOf, resolveApis, selectorOf } from "./apis.ts";
import { checkServiceFields } from "./check-service-fields.ts";
import { readImage } from "./image.ts";
import { readProviders } from "./jwt-providers.ts";
import type {
  ApiKeyPolicy,
  GatewayModel,
  JwtProvider,
  Route,
  RoutePolicy,
  Upstream,
} from "./model.ts";
import type { ConfigProblem } from "./problem.ts";
import { ProblemList } from "./problem-list.ts";
import { resolveRoutePolicies } from "./route-policies.ts";
import { readServiceDocument, type ServiceDocument } from "./service-document.ts";
import { resolveUpstreams } from "./upstreams.ts";

export interface GatewayModelInput {
  /** api_config.yaml as the user named it: it goes into every position. */
  readonly file: string;
  /** YAML or JSON. */
  readonly text: string;
  /** Binary FileDescriptorSet with imports. */
  readonly image: Uint8Array;
  readonly imageFile: string;
  /** For `$NAME` in the config. */
  readonly values: Readonly<Record<string, string>>;
  /** Where methods without an address of their own go (`--backend`); without it they are an error (BE-7). */
  readonly backend?: string;
}

export interface LoadedModel {
  /** undefined when any problem is an error. */
  readonly model: GatewayModel | undefined;
  /** All of them, in file order. */
  readonly problems: readonly ConfigProblem[];
}

/**
 * Resolve api_config.yaml and a descriptor image into what the gateway serves: API Gateway does this when a config is
 * created, before its data plane sees anything (IN-2). Never throws.
 */
export function loadGatewayModel(input: GatewayModelInput): LoadedModel {
  const problems = new ProblemList();
  const image = readImage(input.image, input.imageFile, problems);
  const document = readServiceDocument(input.file, input.text, input.values, problems);
  if (document === undefined) return { model: undefined, problems: problems.sorted() };
  const apis = resolveApis(document, image, problems);
  checkServiceFields(document, apis, problems);
  const providers = readProviders(document, problems);
  const parts: RouteParts = {
    policies: resolveRoutePolicies(document, apis, providers, problems),
    apiKeys: resolveApiKeyPolicies(document, apis, problems),
    upstreams: resolveUpstreams(document, apis, input.backend, problems),
  };
  const model = problems.hasErrors ? undefined : buildModel(input.file, document, apis, parts);
  return { model, problems: problems.sorted() };
}

/** Each by full method name. */
interface RouteParts {
  readonly policies: ReadonlyMap<string, RoutePolicy>;
  readonly apiKeys: ReadonlyMap<string, ApiKeyPolicy>;
  readonly upstreams: ReadonlyMap<string, Upstream>;
}

function buildModel(
  file: string,
  { service, places }: ServiceDocument,
  apis: Apis,
  parts: RouteParts,
): GatewayModel {
  const routes = new Map<string, Route>();
  const providers = new Map<string, JwtProvider>();
  for (const method of apis.methods) {
    const selector = selectorOf(method);
    const upstream = parts.upstreams.get(selector);
    const apiKey = parts.apiKeys.get(selector);
    // Impossible: what is missing here is an error above, and then there is no model.
    if (upstream === undefined || apiKey === undefined) continue;
    const auth = parts.policies.get(selector) ?? { kind: "open", at: undefined };
    if (auth.kind === "jwt") {
      for (const { provider } of auth.requirements) providers.set(provider.id, provider);
    }
    const path = grpcPathOf(method);
    routes.set(path, { path, selector, kind: method.methodKind, auth, apiKey, upstream });
  }
  return {
    serviceName: service.name,
    file,
    routes,
    providers,
    hiddenServices: apis.hiddenServices.map(({ typeName }) => typeName),
    apisAt: places.field(service, "apis").keyAt,
  };
}
