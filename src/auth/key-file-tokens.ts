import { causeText, fetchText, type Reach } from "./fetch-text.ts";
import { excerpt, isTransientStatus, MintError } from "./mint-error.ts";
import { readMintedToken } from "./minted-token.ts";
import { parseJsonObject } from "./parse-json.ts";
import {
  parseServiceAccountKey,
  readServiceAccountKey,
  type ServiceAccountKey,
} from "./service-account-key.ts";
import type { TokenSource } from "./token-source.ts";

export type KeyFileOptions = Reach &
  (
    | {
        /** Read at every mint, so that a replaced file is taken. */
        readonly file: string;
      }
    | {
        /** A key file, parsed. */
        readonly key: object;
        /** Stands for it in messages; default "the key". */
        readonly name?: string;
      }
  );

/**
 * ID tokens of a service account by its key (RFC 7523 with Google's `target_audience`), asked of the key's own
 * `token_uri`. google-auth-library signs.
 */
export function keyFileTokens(options: KeyFileOptions): TokenSource {
  const name = "file" in options ? options.file : (options.name ?? "the key");
  const readKey = (): ServiceAccountKey =>
    "file" in options
      ? readServiceAccountKey(options.file)
      : parseServiceAccountKey(options.key, name);
  return async (audience, signal) => {
    const key = readKey();
    const from = `${key.tokenUri.origin}${key.tokenUri.pathname} (token_uri of ${name}, ${key.clientEmail})`;
    const value = await exchange({ key, audience, from, reach: options, signal });
    return readMintedToken({ value, audience, from });
  };
}

interface Exchange {
  readonly key: ServiceAccountKey;
  readonly audience: string;
  readonly from: string;
  readonly reach: Reach;
  readonly signal: AbortSignal | undefined;
}

async function exchange({ key, audience, from, reach, signal }: Exchange): Promise<string> {
  // Loaded when first needed: it takes longer to load than most programs take to start.
  const { gaxios, JWT } = await import("google-auth-library");
  /**
   * The library asks Google's token endpoint whatever the file says: its requests are led to `token_uri`. It sees only
   * good answers, so it has nothing to retry: whoever caches the token does that.
   */
  class LedTransporter extends gaxios.Gaxios {
    override async request<T>(options: { data?: unknown } = {}) {
      const text = await ask({ body: String(options.data), key, audience, from, reach, signal });
      const data = parseJsonObject(text) as T;
      return Object.assign(new Response(), { config: prepared, data });
    }
  }
  const prepared = { headers: new Headers(), url: key.tokenUri };
  const client = new JWT({
    email: key.clientEmail,
    key: key.privateKey,
    // RFC 7523: an assertion names who may take it. Without `aud` the library names Google's endpoint, and a local
    // issuer could use the assertion there.
    additionalClaims: { target_audience: audience, aud: key.tokenUri.href },
    transporter: new LedTransporter(),
  });
  const { id_token: token } = await client.authorize();
  if (typeof token === "string") return token;
  const why = "its answer has no id_token";
  throw new MintError({ audience, from, why, fix: "Check token_uri in the key file." });
}

async function ask({ body, key, audience, from, reach, signal }: Exchange & { body: string }) {
  const fail = (why: string, fix: string, isTransient: boolean, cause?: unknown) =>
    new MintError({ audience, from, why, fix, isTransient, cause });
  let answer: Awaited<ReturnType<typeof fetchText>>;
  try {
    const headers = { "content-type": "application/x-www-form-urlencoded" };
    answer = await fetchText({
      ...reach,
      url: key.tokenUri,
      method: "POST",
      headers,
      body,
      signal,
    });
  } catch (error) {
    signal?.throwIfAborted();
    throw fail(causeText(error), "Is the issuer running, and token_uri right?", true, error);
  }
  if (answer.status === 200) return answer.text;
  const said = parseJsonObject(answer.text);
  const what =
    typeof said?.error === "string"
      ? excerpt(`${said.error}: ${said.error_description ?? ""}`)
      : excerpt(answer.text);
  const fix =
    answer.status === 400 || answer.status === 401
      ? "The key or its account may be deleted, or this machine's clock be wrong: make a new key, check the clock."
      : "Ask again later, or check token_uri in the key file.";
  throw fail(`it answered ${answer.status}: ${what}`, fix, isTransientStatus(answer.status));
}
