import { getCACertificates } from "node:tls";
import { isLoopback } from "../../client/address.ts";
import type { CallFlags } from "../call.ts";
import type { Context } from "../command.ts";
import { UsageError } from "../command.ts";
import type { RunningDev } from "../dev/running-dev.ts";
import { readText } from "../project.ts";
import { readRoots } from "../tls-files.ts";

/** Where a call goes and what token it carries. */
export interface CallTarget {
  readonly url: URL;
  /** It is an address of the running dev: its issuer's tokens and its CA hold there. */
  readonly dev: RunningDev | undefined;
  /** undefined: no token is sent. */
  readonly audience: string | undefined;
  /** PEM roots; undefined: the system's. */
  readonly ca: readonly string[] | undefined;
  readonly servername: string | undefined;
}

/** By flags, and for what they do not say by the running dev. Throws UsageError. */
export function callTarget(
  { flags, cwd }: Pick<Context<CallFlags>, "flags" | "cwd">,
  running: RunningDev | undefined,
): CallTarget {
  const text = flags.address ?? running?.facts.gateway;
  if (text === undefined)
    throw new UsageError(
      "no callpath dev runs here: start it with npm start, or name an --address",
    );
  const url = parseAddress(text);
  const audience = flags.anonymous ? undefined : flags.audience;
  if (audience !== undefined && url.protocol === "http:" && !isLoopback(url))
    throw new UsageError(
      `--address ${text}: a token would go there in cleartext, for everybody on the way to use; write https://${url.host}`,
    );
  const origins = running === undefined ? [] : [running.facts.gateway, running.facts.run];
  const dev = origins.includes(url.origin) ? running : undefined;
  if (flags.as !== undefined && dev === undefined) {
    const own = running === undefined ? "no dev runs" : `it knows ${origins.join(" and ")}`;
    throw new UsageError(
      `--as mints with the running callpath dev, for its own addresses only: ${own}`,
    );
  }
  const ca =
    flags.cacert !== undefined
      ? readRoots("cacert", flags.cacert, cwd)
      : dev && readText(dev.facts.ca, cwd);
  return {
    url,
    dev,
    audience: flags.anonymous ? undefined : (audience ?? defaultAudience(url, dev)),
    ca: ca === undefined ? undefined : [...getCACertificates("default"), ca],
    servername: flags.servername,
  };
}

/** A bare HOST:PORT is TLS, as everywhere at Google. */
function parseAddress(text: string): URL {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  const isOrigin = url !== null && url.pathname === "/" && url.search === "" && url.hash === "";
  if (url === null || !isOrigin || !/^https?:$/.test(url.protocol) || url.username !== "")
    throw new UsageError(`--address ${text}: write [http://|https://]HOST:PORT`);
  return url;
}

/** What the dev's own addresses accept; elsewhere only the user knows. */
function defaultAudience(url: URL, dev: RunningDev | undefined): string | undefined {
  if (dev === undefined) return undefined;
  return url.origin === dev.facts.run ? dev.facts.run : dev.facts.audience;
}
