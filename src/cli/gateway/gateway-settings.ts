import type { TokenSource } from "../../auth/token-source.ts";
import type { GatewayModel } from "../../config/model.ts";
import type { GatewayOptions } from "../../gateway/options.ts";
import { callpathEngine } from "../../http2/engine.ts";
import type { Engine } from "../../http2/exchange.ts";
import { parseBackend, parseListen, parseResolve } from "../addresses.ts";
import { type Context, UsageError } from "../command.ts";
import type { GatewayFlags } from "../gateway.ts";
import { tokenSourceOf } from "../identity.ts";
import { readRoots, tlsOf } from "../tls-files.ts";

/** What the flags say, besides the config: plain data that can be sent to another process. */
export interface GatewaySettings {
  readonly host: string;
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** PEM. */
  readonly ca: readonly string[];
  readonly resolve: ReadonlyMap<string, string>;
  /** `--backend`, as a URL. */
  readonly backend: string | undefined;
  readonly engine: "callpath" | "node";
  readonly headerPrefix: string | undefined;
  readonly healthz: string | undefined;
  readonly json: boolean;
}

/** Throws UsageError or InputError for a flag, or the file it names, that is not right. */
export function gatewaySettings({ flags, cwd }: Context<GatewayFlags>): GatewaySettings {
  return {
    ...parseListen("listen", flags.listen ?? "127.0.0.1:8080"),
    tls: tlsOf(flags["tls-cert"], flags["tls-key"], cwd).tls,
    ca: flags.ca === undefined ? [] : [readRoots("ca", flags.ca, cwd)],
    resolve: parseResolve(flags.resolve),
    backend: flags.backend === undefined ? undefined : parseBackend(flags.backend).href,
    engine: engineName(flags.engine ?? "callpath"),
    headerPrefix:
      flags["header-prefix"] === undefined ? undefined : headerPrefix(flags["header-prefix"]),
    healthz: flags.healthz === undefined ? undefined : healthPath(flags.healthz),
    json: flags.json,
  };
}

/** The same for `startGateway`. */
export async function gatewayOptions(settings: GatewaySettings) {
  const { host, port, tls, ca, resolve, backend, headerPrefix, healthz } = settings;
  return {
    host,
    port,
    ca,
    resolve,
    engine: await engineNamed(settings.engine),
    ...(tls === undefined ? {} : { tls }),
    ...(backend === undefined ? {} : { backend: new URL(backend) }),
    ...(headerPrefix === undefined ? {} : { headerPrefix }),
    ...(healthz === undefined ? {} : { healthz }),
  } satisfies Partial<GatewayOptions>;
}

/** Whose ID tokens the backend gets. Default: the metadata server's, when a rule needs a token. */
export async function backendTokensOf(
  { flags, env, nowMs }: Context<GatewayFlags>,
  { ca, resolve }: GatewaySettings,
  model: GatewayModel,
): Promise<TokenSource | undefined> {
  const isNeeded = [...model.routes.values()].some(
    ({ upstream }) => upstream.jwtAudience !== undefined,
  );
  return tokenSourceOf(flags.identity ?? (isNeeded ? "metadata" : "none"), {
    metadataHost: env.GCE_METADATA_HOST,
    iamEndpoint: flags["iam-endpoint"],
    reach: { ca: ca.length === 0 ? undefined : ca, resolve },
    nowMs,
  });
}

function engineName(name: string): "callpath" | "node" {
  if (name !== "callpath" && name !== "node")
    throw new UsageError(`--engine ${name}: write callpath or node`);
  return name;
}

async function engineNamed(name: GatewaySettings["engine"]): Promise<Engine> {
  return name === "callpath"
    ? callpathEngine
    : (await import("../../http2/node-engine.ts")).nodeEngine;
}

function headerPrefix(text: string): string {
  const prefix = text.toLowerCase();
  if (prefix !== "x-apigateway-" && prefix !== "x-endpoint-")
    throw new UsageError(`--header-prefix ${text}: write X-Apigateway- or X-Endpoint-`);
  return prefix;
}

function healthPath(text: string): string {
  if (text === "" || /[^!-~]/.test(text))
    throw new UsageError(`--healthz ${text}: write a path, /healthz`);
  return text.startsWith("/") ? text : `/${text}`;
}
