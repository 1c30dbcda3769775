import { causeText, fetchText, type Reach } from "./fetch-text.ts";
import { excerpt, isTransientStatus, MintError } from "./mint-error.ts";
import { readMintedToken } from "./minted-token.ts";
import type { TokenSource } from "./token-source.ts";

export interface MetadataOptions extends Reach {
  /** host[:port] or an origin; default 169.254.169.254. GCE_METADATA_HOST is for the caller to read. */
  readonly host?: string | undefined;
  /**
   * `full` (default): with email and instance claims, which whoever checks the caller by email needs.
   * `standard`: what Google's gateway asks for (TK-2).
   */
  readonly format?: "full" | "standard";
  /** Set: an answer that is no JWT passes as it is (TK-2: "body = the token"). Default: it is refused. */
  readonly nowMs?: () => number;
}

/**
 * ID tokens of the instance's service account, from Google's metadata server (TK-2).
 * @see https://cloud.google.com/compute/docs/instances/verifying-instance-identity
 */
export function metadataTokens(options: MetadataOptions = {}): TokenSource {
  const { format = "full", nowMs } = options;
  const origin = metadataOrigin(options.host);
  return async (audience, signal) => {
    const url = new URL(identityPath, origin);
    url.search = `?format=${format}&audience=${queryValue(audience)}`;
    const from = `the metadata server ${origin.host}`;
    const failed = (why: string, isTransient: boolean, cause?: unknown) =>
      new MintError({ audience, from, why, fix: noMetadataFix, isTransient, cause });
    let answer: Awaited<ReturnType<typeof fetchText>>;
    try {
      answer = await fetchText({ ...options, url, headers: metadataHeaders, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw failed(causeText(error), true, error);
    }
    if (answer.status !== 200)
      throw failed(
        `it answered ${answer.status}: ${excerpt(answer.text)}`,
        isTransientStatus(answer.status),
      );
    return readMintedToken({ value: answer.text.trim(), audience, from, nowMs });
  };
}

const identityPath = "/computeMetadata/v1/instance/service-accounts/default/identity";

/** Without it the server answers 403: it shows that no browser was tricked into asking. */
export const metadataHeaders = { "metadata-flavor": "Google" } as const;

const noMetadataFix =
  "Outside Google Cloud there is no metadata server: use a service-account key file, or name a local one in GCE_METADATA_HOST.";

/** Throws an Error for what is no host. */
export function metadataOrigin(host = "169.254.169.254"): URL {
  const text = /^https?:\/\//i.test(host) ? host : `http://${host}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.pathname !== "/" || url.search !== "")
    throw new Error(`"${host}" is no metadata host: write HOST:PORT, e.g. 127.0.0.1:8090`);
  return url;
}

/** An audience as it stands in a query: escaped only where it must be, so that addresses stay readable (TK-2 does not escape at all). */
export function queryValue(audience: string): string {
  return encodeURIComponent(audience).replace(/%(3A|2F|3F|40|2C|24|3B)/g, decodeURIComponent);
}
