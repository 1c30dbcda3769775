import type { TokenSource } from "../auth/token-source.ts";
import { UsageError } from "./command.ts";
import type { RunningDev } from "./dev/running-dev.ts";
import { adcSource, keyTokens } from "./identity.ts";
import { shownPath } from "./project.ts";

export interface CallerFlags {
  readonly "service-account": string | undefined;
  readonly impersonate: string | undefined;
  readonly as: string | undefined;
}

/** Who calls, in words, and where the tokens come from. */
export interface Caller {
  readonly name: string;
  readonly source: TokenSource;
}

/**
 * By flag; without one: the key of the running dev, else Application Default Credentials.
 * Throws UsageError for two of them, and for --as without a dev.
 */
export async function callerOf(
  flags: CallerFlags,
  dev: RunningDev | undefined,
  cwd: string,
): Promise<Caller> {
  const given = (["service-account", "impersonate", "as"] as const).filter(
    (name) => flags[name] !== undefined,
  );
  if (given.length > 1)
    throw new UsageError(`${given.map((name) => `--${name}`).join(" and ")}: one caller at a time`);
  if (flags.as !== undefined) {
    if (!/^[^@\s]+@[^@\s]+$/.test(flags.as))
      throw new UsageError(`--as ${flags.as}: write an email`);
    if (dev === undefined)
      throw new UsageError("--as needs a running callpath dev: only its issuer signs for anybody");
    return { name: flags.as, source: dev.tokensAs(flags.as) };
  }
  if (flags.impersonate !== undefined)
    return { name: flags.impersonate, source: await adcSource(flags.impersonate) };
  const keyFile = flags["service-account"] ?? dev?.facts.clientKey;
  if (keyFile !== undefined)
    return { name: shownPath(keyFile, cwd), source: keyTokens(keyFile, {}) };
  return { name: "Application Default Credentials", source: await adcSource(undefined) };
}
