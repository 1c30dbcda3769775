import type { GatewayModel } from "../../config/model.ts";

/** What is true of a dev that is ready. */
export interface FirstScreenFacts {
  readonly services: readonly string[];
  readonly audience: string | undefined;
  readonly gateway: string;
  /** As its reader would type it. */
  readonly config: string;
  readonly run: string;
  readonly revision: string;
  /** IAM's members. */
  readonly invokers: readonly string[];
  readonly instances: number;
  readonly server: string;
  readonly files: readonly string[];
}

/** What runs where, in seven lines. */
export function firstScreen(facts: FirstScreenFacts): readonly string[] {
  const { services, audience, gateway, config, run, revision, invokers, instances, server, files } =
    facts;
  const width = Math.max("gateway-client-sa".length, gateway.length, run.length) + 4;
  const row = (name: string, what: string, more: string) =>
    `  ${name.padEnd(11)}  ${more === "" ? what : `${what.padEnd(width)} ${more}`}`.trimEnd();
  return [
    `callpath dev   ${services.join(", ")}   everything below runs on this machine`,
    "",
    row(
      "client",
      "gateway-client-sa",
      audience === undefined ? "no token needed" : `ID token for ${audience}`,
    ),
    row("gateway", gateway, config),
    row("cloud run", run, `${revision}; run.invoker: ${invokersText(invokers)}`),
    row("instances", `${instances} x ${server}`, ""),
    row("files", `${files.join(", ")} (for programs of your own)`, ""),
  ];
}

/** Services that the gateway serves, in the config's order. */
export function servedServices({ routes }: GatewayModel): readonly string[] {
  const selectors = [...routes.values()].map(({ selector }) => selector);
  return [...new Set(selectors.map((selector) => selector.slice(0, selector.lastIndexOf("."))))];
}

function invokersText(members: readonly string[]): string {
  if (members.length === 0) return "nobody";
  const names = members.map((member) =>
    member.replace(/^\w+:/, "").replace(/@callpath-local\..*$/, ""),
  );
  const isEverybody = members.some((member) => !member.includes(":"));
  return isEverybody ? names.join(", ") : `${names.join(", ")} only`;
}

export interface HintFacts {
  readonly call: { readonly method: string; readonly message: object } | undefined;
  /** Paths as their reader knows them, whose change is live. */
  readonly live: readonly string[];
}

/** What to try next. */
export function hints({ call, live }: HintFacts): readonly string[] {
  const json =
    call === undefined ? "" : ` '${JSON.stringify(call.message).replaceAll("'", "'\\''")}'`;
  return [
    ...(call === undefined
      ? []
      : [`  break it    npx callpath call ${call.method}${json} --audience https://wrong`]),
    `  change it   save ${listText(live)}: live, no call lost`,
    "  stop it     Ctrl-C",
  ];
}

function listText(items: readonly string[]): string {
  if (items.length < 2) return items.join("");
  return `${items.slice(0, -1).join(", ")} or ${items.at(-1)}`;
}
