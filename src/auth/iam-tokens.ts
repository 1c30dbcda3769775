import { causeText, fetchText, type Reach } from "./fetch-text.ts";
import { excerpt, isTransientStatus, MintError } from "./mint-error.ts";
import { readMintedToken } from "./minted-token.ts";
import { parseJsonObject } from "./parse-json.ts";
import type { TokenSource } from "./token-source.ts";

export interface IamOptions extends Reach {
  /** The service account whose tokens are minted. */
  readonly email: string;
  /** An OAuth access token of somebody who may mint for `email`: see metadataAccessTokens. */
  readonly accessToken: (signal?: AbortSignal) => Promise<string>;
  /** Root of the IAM Credentials API; default https://iamcredentials.googleapis.com. */
  readonly endpoint?: string | undefined;
  /** Emails of the accounts in between, in order. */
  readonly delegates?: readonly string[] | undefined;
  /** Project that pays for the request, where the access token is a user's (x-goog-user-project). */
  readonly quotaProject?: string | undefined;
  /** Set: a token that is no JWT passes as it is. Default: it is refused. */
  readonly nowMs?: () => number;
}

export const iamEndpoint = "https://iamcredentials.googleapis.com";

/** ID tokens of a service account from the IAM Credentials API, as API Gateway mints its backend tokens (TK-3). */
export function iamTokens(options: IamOptions): TokenSource {
  const { email, delegates = [], nowMs } = options;
  const root = (options.endpoint ?? iamEndpoint).replace(/\/+$/, "");
  if (!URL.canParse(root) || !/^https?:$/.test(new URL(root).protocol))
    throw new Error(`"${root}" is no address of IAM Credentials: write e.g. ${iamEndpoint}`);
  const body = JSON.stringify({
    includeEmail: true, // without it the token has no email, and no role can be found for it
    ...(delegates.length > 0 ? { delegates: delegates.map(resourceName) } : {}),
  });
  return async (audience, signal) => {
    const from = `${root} as ${email}`;
    const fail = (why: string, fix: string, isTransient: boolean, cause?: unknown) =>
      new MintError({ audience, from, why, fix, isTransient, cause });
    let bearer: string;
    try {
      bearer = await options.accessToken(signal);
    } catch (error) {
      signal?.throwIfAborted();
      const why = `no access token to ask with: ${causeText(error)}`;
      throw fail(why, "Check the credentials of this program.", true, error);
    }
    const url = new URL(`${root}/v1/${encodeURI(resourceName(email))}:generateIdToken`);
    url.searchParams.set("audience", audience);
    const headers = {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      ...(options.quotaProject === undefined
        ? {}
        : { "x-goog-user-project": options.quotaProject }),
    };
    let answer: Awaited<ReturnType<typeof fetchText>>;
    try {
      answer = await fetchText({ ...options, url, method: "POST", headers, body, signal });
    } catch (error) {
      signal?.throwIfAborted();
      throw fail(causeText(error), "Is the address of IAM Credentials right?", true, error);
    }
    const json = parseJsonObject(answer.text);
    if (answer.status !== 200) {
      const why = `it answered ${answer.status}: ${excerpt(statusMessage(json) ?? answer.text)}`;
      throw fail(why, refusedFix(email), isTransientStatus(answer.status));
    }
    if (typeof json?.token !== "string")
      throw fail("its answer has no token", "Check the address of IAM Credentials.", true);
    return readMintedToken({ value: json.token, audience, from, nowMs });
  };
}

function resourceName(email: string): string {
  return `projects/-/serviceAccounts/${email}`;
}

/** google.rpc.Status in JSON: {"error":{"message":…}}. */
function statusMessage(json: { readonly [name: string]: unknown } | undefined): string | undefined {
  const error = json?.error;
  if (typeof error !== "object" || error === null || !("message" in error)) return undefined;
  return typeof error.message === "string" ? error.message : undefined;
}

function refusedFix(email: string): string {
  return `Grant this program's identity roles/iam.serviceAccountOpenIdTokenCreator on ${email}, and check that the account exists.`;
}
