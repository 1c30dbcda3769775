import { resolve } from "node:path";
import { type IdTokenClaims, maxTokenBytes, parseToken } from "../../auth/parse-token.ts";
import { decide } from "../../gateway/decide/decide.ts";
import { explain, printStory, type Story, storyJson } from "../../gateway/explain.ts";
import type { Head } from "../../http2/head.ts";
import type { Step, TrafficEvent } from "../../rejection/traffic.ts";
import { type Context, DONE, REFUSED, UsageError } from "../command.ts";
import { type RunningDev, runningDevOf } from "../dev/running-dev.ts";
import type { ExplainFlags } from "../explain.ts";
import { type ConfigSources, configSources, loadConfig, templateValues } from "../load-config.ts";
import { type FoundProject, findProject } from "../project.ts";
import { stateFolder } from "../project-file.ts";
import { readInput } from "../read-input.ts";
import { readRoots } from "../tls-files.ts";
import { tokenIn } from "../token/token-facts.ts";
import { behindTheGateway } from "./behind-the-gateway.ts";
import { fetchProviderKeys } from "./provider-keys.ts";

/** 0: the call would be let in, 1: refused. */
export async function runExplain(context: Context<ExplainFlags>): Promise<number> {
  const { flags, cwd, env, note, print, nowMs } = context;
  const found = findProject(cwd);
  const dev = await runningDevOf(stateFolder(flags.state, cwd));
  const method = methodName(flags.method ?? found?.project.call?.method);
  const sources = withDev(configSources(flags, cwd, env, found), dev, flags.set);
  const folder = found?.folder ?? cwd;
  const model = loadConfig(sources, cwd, () => {});
  const token =
    flags.token === undefined
      ? undefined
      : tokenIn(await readInput(flags.token, context, 2 * maxTokenBytes));
  const keys = await fetchProviderKeys(model, {
    jwks: flags.jwks === undefined ? undefined : keysUrl(flags.jwks),
    devIssuer: dev?.facts.issuer,
    reach: flags.ca === undefined ? {} : { ca: [readRoots("ca", flags.ca, cwd)] },
  });
  const decision = decide(model, keys, headOf(method, token), nowMs(), { steps: true });
  // Without keys the signature stays open: that is said, and everything else is walked.
  const isOpen = decision.kind === "keys-needed";
  if (isOpen) for (const fault of keys.faults) note(`the signature was not checked: ${fault}`);
  const claims = claimsOf(token);
  const decided = isOpen
    ? { ...decision, kind: "forward" as const, path: `/${method}`, userInfo: undefined, claims }
    : decision;
  const behind =
    decided.kind === "forward"
      ? behindTheGateway({
          model,
          decision: decided,
          dev,
          access: accessFile(flags.access, cwd, found),
          folder,
          values: sources.values,
          nowMs,
        })
      : undefined;
  const told = explain({ ...behind, decision: decided }, { method, audience: claims?.aud[0] });
  const story = told.verdict === "allowed" ? withOtherHops(told, behind?.events ?? []) : told;
  if (flags.json) print(JSON.stringify(storyJson(story)));
  else print(printStory(story));
  return story.verdict === "allowed" ? DONE : REFUSED;
}

/** echo.EchoServer/SayHello, also from echo.EchoServer.SayHello and a leading slash. Throws UsageError. */
function methodName(text: string | undefined): string {
  if (text === undefined)
    throw new UsageError(
      "--method SERVICE/METHOD is needed: no callpath.yaml here or above names a call",
    );
  const bare = text.replace(/^\//, "");
  const method = bare.includes("/") ? bare : bare.replace(/\.([^.]+)$/, "/$1");
  if (!/^[^\s/]+\/[^\s/]+$/.test(method))
    throw new UsageError(`--method ${text}: write SERVICE/METHOD, echo.EchoServer/SayHello`);
  return method;
}

/** What the running dev filled the config in with counts where --set says nothing. */
function withDev(
  sources: ConfigSources,
  dev: RunningDev | undefined,
  set: readonly string[],
): ConfigSources {
  const isIts = dev !== undefined && dev.facts.config === sources.config;
  if (!isIts) return sources;
  return {
    ...sources,
    values: { ...sources.values, ...dev.facts.values, ...templateValues(set, {}) },
  };
}

function keysUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new UsageError(`--jwks ${text}: write http(s)://HOST/PATH`);
  return url;
}

/** The call as gRPC sends it. */
function headOf(method: string, token: string | undefined): Head {
  const field = (name: string, value: string) => ({ name, value, sensitive: false });
  return [
    field(":method", "POST"),
    field(":scheme", "https"),
    field(":path", `/${method}`),
    field(":authority", "localhost"),
    field("content-type", "application/grpc"),
    field("te", "trailers"),
    ...(token === undefined ? [] : [field("authorization", `Bearer ${token}`)]),
  ];
}

function accessFile(
  flag: string | undefined,
  cwd: string,
  found: FoundProject | undefined,
): string | undefined {
  if (flag !== undefined) return resolve(cwd, flag);
  const access = found?.project.access;
  return found === undefined || access === undefined ? undefined : resolve(found.folder, access);
}

function claimsOf(token: string | undefined): IdTokenClaims | undefined {
  const parsed = token === undefined ? undefined : parseToken(token);
  return parsed === undefined || "fault" in parsed ? undefined : parsed.claims;
}

/** An allowed call's story tells the gateway's rules; here it goes on to the end of the path. */
function withOtherHops(story: Story, events: readonly TrafficEvent[]): Story {
  const steps = events.map(({ hop, principal, steps = [] }): Step => {
    const isFront = hop === "cloud-run";
    const front = `the caller is ${principal}, which has run.invoker: let through`;
    const rule = isFront ? "cloud run" : hop;
    return { hop, rule, ok: true, detail: isFront ? front : (steps[0]?.detail ?? "let through") };
  });
  return { ...story, steps: [...story.steps, ...steps] };
}
