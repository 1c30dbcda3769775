import { causeText, fetchText } from "./fetch-text.ts";
import { type MetadataOptions, metadataHeaders, metadataOrigin } from "./metadata-tokens.ts";
import { excerpt } from "./mint-error.ts";
import { parseJsonObject } from "./parse-json.ts";

export interface MetadataAccessOptions extends Pick<MetadataOptions, "host" | "timeoutMs"> {
  readonly nowMs: () => number;
}

/** TK-4: an access token with no more than this left is fetched again. */
const refreshLeadMs = 60_000;

/** OAuth access tokens of the instance's service account, kept until a minute before they end (TK-3, TK-4). */
export function metadataAccessTokens(
  options: MetadataAccessOptions,
): (signal?: AbortSignal) => Promise<string> {
  const origin = metadataOrigin(options.host);
  let kept: { readonly value: string; readonly refreshAtMs: number } | undefined;
  return async (signal) => {
    if (kept !== undefined && options.nowMs() < kept.refreshAtMs) return kept.value;
    kept = undefined;
    const url = new URL("/computeMetadata/v1/instance/service-accounts/default/token", origin);
    let answer: Awaited<ReturnType<typeof fetchText>>;
    try {
      answer = await fetchText({ ...options, url, headers: metadataHeaders, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw new Error(`metadata server ${origin.host}: ${causeText(error)}`, { cause: error });
    }
    const json = parseJsonObject(answer.text);
    const { access_token: value, expires_in: lifetimeS } = json ?? {};
    if (answer.status !== 200)
      throw new Error(
        `metadata server ${origin.host}: it answered ${answer.status}: ${excerpt(answer.text)}`,
      );
    if (typeof value !== "string" || !/^[\x21-\x7e]+$/.test(value))
      throw new Error(`metadata server ${origin.host}: its answer has no access_token`);
    if (typeof lifetimeS !== "number" || lifetimeS <= 0)
      throw new Error(`metadata server ${origin.host}: its access token has already expired`);
    kept = { value, refreshAtMs: options.nowMs() + lifetimeS * 1000 - refreshLeadMs };
    return value;
  };
}
