import type { MessageShape } from "@bufbuild/protobuf";
import {
  type BackendRule_PathTranslation,
  type BackendRuleSchema,
  BackendRule_PathTranslation as PathTranslation,
} from "../google/gen/google/api/backend_pb.ts";
import { type Address, parseAddress } from "./address.ts";
import { type Apis, selectorOf } from "./apis.ts";
import type { MethodKind, Upstream } from "./model.ts";
import type { Places } from "./places.ts";
import type { ProblemList } from "./problem-list.ts";
import { quote } from "./read-scalar.ts";
import { resolveRules } from "./rule-set.ts";
import type { ServiceDocument } from "./service-document.ts";

type BackendRule = MessageShape<typeof BackendRuleSchema>;

/** What one backend rule says, whatever the method. */
interface Backend {
  readonly rule: BackendRule;
  readonly address: Address;
  readonly protocol: "h2" | "http/1.1";
  /** Rounded; undefined: 0, negative or not set. */
  readonly deadlineMs: number | undefined;
}

const DEFAULT_DEADLINE_MS = 15_000;
const DEFAULT_IDLE_MS = 300_000;
/** Longest deadline, seconds: what a timer can hold. */
const MAX_DEADLINE_S = 2_147_483;

/**
 * Where each method's RPCs go, by full method name (section 3 of the rules: BE-1 to BE-13).
 *
 * @param fallback where methods without an address go (`--backend`); without it they are an error (BE-7).
 */
export function resolveUpstreams(
  document: ServiceDocument,
  apis: Apis,
  fallback: string | undefined,
  problems: ProblemList,
): ReadonlyMap<string, Upstream> {
  const { service, places } = document;
  const rules = service.backend?.rules ?? [];
  const backends = new Map<BackendRule, Backend>();
  for (const rule of rules) {
    const backend = readBackend(rule, places, fallback, problems);
    if (backend !== undefined) backends.set(rule, backend);
  }
  shareConnections(backends, places, problems);
  const { winners, complete } = resolveRules("backend", rules, apis, places, problems);
  const upstreams = new Map<string, Upstream>();
  const without: string[] = [];
  for (const method of apis.methods) {
    const selector = selectorOf(method);
    const rule = winners.get(selector);
    const kind = method.methodKind;
    if (rule === undefined) {
      const address = fallback === undefined ? undefined : parseAddress(fallback);
      if (address === undefined || "fault" in address) without.push(selector);
      else upstreams.set(selector, withoutRule(address, fallback ?? "", kind, document));
      continue;
    }
    const backend = backends.get(rule);
    if (backend !== undefined) upstreams.set(selector, upstreamOf(backend, kind, fallback, places));
  }
  if (without.length > 0 && complete) refuseWithout(without, document, problems);
  return upstreams;
}

function readBackend(
  rule: BackendRule,
  places: Places,
  fallback: string | undefined,
  problems: ProblemList,
): Backend | undefined {
  const { at, path, faulty } = places.field(rule, "address");
  const protocol = readProtocol(rule, places, problems);
  const deadlineMs = readDeadline(rule, places, problems);
  if (faulty) return undefined;
  if (rule.address === "" && fallback === undefined) {
    const message = "this backend rule has no address";
    const hint = "Write address: grpcs://HOST";
    problems.error(at, { code: "missing-field", message, path, hint });
    return undefined;
  }
  const address = parseAddress(rule.address === "" ? (fallback ?? "") : rule.address);
  if ("fault" in address) {
    const message = `bad address ${quote(rule.address)}: ${address.fault}`;
    problems.error(at, { code: "bad-address", message, path, hint: address.hint });
    return undefined;
  }
  if (protocol === undefined) return undefined;
  const isGrpc = address.scheme.startsWith("grpc");
  return { rule, address, protocol: isGrpc ? "h2" : protocol, deadlineMs };
}

/** BE-4: of http(s) addresses only, but a wrong word is an error anywhere. */
function readProtocol(rule: BackendRule, places: Places, problems: ProblemList) {
  if (rule.protocol === "h2") return "h2";
  if (rule.protocol === "" || rule.protocol === "http/1.1") return "http/1.1";
  const { at, path } = places.field(rule, "protocol");
  const message = `unknown backend http protocol ${quote(rule.protocol)}; it is "http/1.1", "h2" or not set`;
  const hint = "Leave it out for grpc:// and grpcs:// addresses; write h2 for HTTP/2 over https://";
  problems.error(at, { code: "bad-protocol", message, path, hint });
  return undefined;
}

function readDeadline(rule: BackendRule, places: Places, problems: ProblemList) {
  const { at, path } = places.field(rule, "deadline");
  if (rule.deadline > MAX_DEADLINE_S) {
    const message = `a deadline of ${rule.deadline} s is too long`;
    const hint = `Write seconds, at most ${MAX_DEADLINE_S}; API Gateway itself ends a call after 3600`;
    problems.error(at, { code: "bad-deadline", message, path, hint });
  }
  if (rule.deadline < 0) {
    const message = `a negative deadline (${rule.deadline}) counts as none: 15 s`;
    const hint = "Write seconds, such as 30";
    problems.warning(at, { code: "bad-deadline", message, path, hint });
  }
  const deadlineMs = Math.round(rule.deadline * 1000);
  return deadlineMs > 0 ? deadlineMs : undefined;
}

/** BE-6: connections are shared per host and port, and the first rule says how they are made. */
function shareConnections(
  backends: Map<BackendRule, Backend>,
  places: Places,
  problems: ProblemList,
): void {
  const firsts = new Map<string, Backend>();
  for (const [rule, backend] of backends) {
    const key = keyOf(backend.address);
    const first = firsts.get(key) ?? backend;
    firsts.set(key, first);
    const { tls } = first.address;
    if (backend.protocol === first.protocol && backend.address.tls === tls) continue;
    const { at, path } = places.field(rule, "address");
    const line = places.field(first.rule, "address").at.line;
    problems.warning(at, {
      code: "backend-conflict",
      message: `${key} is spoken to as line ${line} says (${first.rule.address}), not as ${rule.address}`,
      path,
      hint: "Use one scheme and protocol for one host and port",
    });
    const address = { ...backend.address, tls };
    backends.set(rule, { ...backend, address, protocol: first.protocol });
  }
}

function keyOf({ host, port }: Address): string {
  return `${host.toLowerCase()}:${port}`;
}

function upstreamOf(
  { rule, address, protocol, deadlineMs }: Backend,
  kind: MethodKind,
  fallback: string | undefined,
  places: Places,
): Upstream {
  const audience = audienceOf(rule, address);
  const place = places.field(rule, "address");
  const translation =
    rule.address === "" ? undefined : translationOf(rule.pathTranslation, address);
  return {
    ...connectionOf(address),
    address: rule.address === "" ? (fallback ?? "") : rule.address,
    protocol,
    jwtAudience: audience,
    isAudienceNamed: audience !== undefined && rule.authentication.case === "jwtAudience",
    ...timesOf(kind, deadlineMs),
    ...(translation && { pathTranslation: translation }),
    at: place.at,
  };
}

function withoutRule(
  address: Address,
  written: string,
  kind: MethodKind,
  { service, places, start }: ServiceDocument,
): Upstream {
  const backend = places.field(service, "backend");
  return {
    ...connectionOf(address),
    address: written,
    protocol: address.scheme.startsWith("grpc") ? "h2" : "http/1.1",
    jwtAudience: undefined,
    isAudienceNamed: false,
    ...timesOf(kind, undefined),
    at: backend.written ? backend.keyAt : start,
  };
}

function connectionOf(address: Address) {
  const { host, port, tls } = address;
  // BE-5: Cloud Run routes on the host, and a port would be part of it.
  return { key: keyOf(address), host, port, tls, authority: host };
}

/** BE-9, as the data plane does it: `disable_auth: false` and nothing at all both mean "the address' own audience". */
function audienceOf({ authentication, address }: BackendRule, { tls, host }: Address) {
  if (authentication.case === "jwtAudience" && authentication.value !== "") {
    return authentication.value;
  }
  if (authentication.case === "disableAuth" && authentication.value) return undefined;
  if (address === "") return undefined;
  return `${tls ? "https" : "http"}://${host}`;
}

/** BE-11 to BE-13 */
function timesOf(kind: MethodKind, deadlineMs: number | undefined) {
  if (kind !== "unary") return { deadlineMs: undefined, idleMs: deadlineMs ?? DEFAULT_IDLE_MS };
  const unaryMs = deadlineMs ?? DEFAULT_DEADLINE_MS;
  return { deadlineMs: unaryMs, idleMs: Math.max(unaryMs + 1000, DEFAULT_IDLE_MS) };
}

function translationOf(kind: BackendRule_PathTranslation, { path }: Address) {
  if (kind === PathTranslation.APPEND_PATH_TO_ADDRESS) return { kind: "append", path } as const;
  if (kind === PathTranslation.CONSTANT_ADDRESS) return { kind: "constant", path } as const;
  return undefined;
}

function refuseWithout(
  selectors: readonly string[],
  { service, places }: ServiceDocument,
  problems: ProblemList,
): void {
  const field = places.field(service, "backend");
  const rules = service.backend && places.field(service.backend, "rules");
  if (field.faulty || rules?.faulty) return;
  const [first, ...others] = selectors;
  const more = others.length === 0 ? "" : ` and ${others.length} more`;
  problems.error(field.written ? field.keyAt : field.at, {
    code: "no-backend",
    message: `no backend rule says where ${first}${more} goes`,
    path: "backend.rules",
    hint: 'Write backend: { rules: [{ selector: "*", address: grpcs://HOST }] }',
  });
}
