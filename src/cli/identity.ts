import type { Reach } from "../auth/fetch-text.ts";
import { iamTokens } from "../auth/iam-tokens.ts";
import { keyFileTokens } from "../auth/key-file-tokens.ts";
import { metadataAccessTokens } from "../auth/metadata-access-tokens.ts";
import { metadataTokens } from "../auth/metadata-tokens.ts";
import { readServiceAccountKey } from "../auth/service-account-key.ts";
import type { TokenSource } from "../auth/token-source.ts";
import { InputError, UsageError } from "./command.ts";

/** What a source needs from outside. */
export interface IdentityOptions {
  /** GCE_METADATA_HOST. */
  readonly metadataHost: string | undefined;
  /** Root of IAM Credentials; default Google's. */
  readonly iamEndpoint: string | undefined;
  readonly reach: Reach;
  readonly nowMs: () => number;
}

/**
 * Whose ID tokens are sent, by `--identity`: metadata, key:FILE, iam:EMAIL, adc, adc:EMAIL or none (undefined).
 * Throws UsageError for anything else and InputError for a key file that is none.
 */
export async function tokenSourceOf(
  identity: string,
  { metadataHost, iamEndpoint, reach, nowMs }: IdentityOptions,
): Promise<TokenSource | undefined> {
  const [kind = "", rest = ""] = splitOnce(identity);
  switch (kind) {
    case "none":
      if (identity === "none") return undefined;
      break;
    case "metadata":
      if (identity === "metadata")
        return metadataTokens({ host: metadataHost, format: "standard", ...reach });
      break;
    case "key":
      if (rest !== "") return keyTokens(rest, reach);
      break;
    case "iam":
      if (rest.includes("@")) {
        const accessToken = metadataAccessTokens({
          ...(metadataHost === undefined ? {} : { host: metadataHost }),
          nowMs,
        });
        return iamTokens({ email: rest, accessToken, endpoint: iamEndpoint, ...reach });
      }
      break;
    case "adc":
      if (identity === "adc" || rest.includes("@"))
        return adcSource(rest === "" ? undefined : rest);
  }
  throw new UsageError(
    `--identity ${identity}: write metadata, key:FILE, iam:EMAIL, adc, adc:EMAIL or none`,
  );
}

/** Tokens of a key file; a file that is no key is said now, not at the first call. */
export function keyTokens(file: string, reach: Reach): TokenSource {
  try {
    readServiceAccountKey(file);
  } catch (error) {
    throw new InputError(error instanceof Error ? error.message : String(error));
  }
  return keyFileTokens({ file, ...reach });
}

/** google-auth-library is large: loaded where it is asked for. */
export async function adcSource(impersonate: string | undefined): Promise<TokenSource> {
  const { adcTokens } = await import("../auth/adc-tokens.ts");
  return adcTokens(impersonate === undefined ? {} : { impersonate });
}

function splitOnce(text: string): [string, string] {
  const at = text.indexOf(":");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
