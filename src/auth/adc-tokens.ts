import { causeText, type Reach } from "./fetch-text.ts";
import { iamTokens } from "./iam-tokens.ts";
import { keyFileTokens } from "./key-file-tokens.ts";
import { queryValue } from "./metadata-tokens.ts";
import { MintError } from "./mint-error.ts";
import { readMintedToken } from "./minted-token.ts";
import type { TokenSource } from "./token-source.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface AdcOptions extends Reach {
  /** Mint as this service account; whoever is found needs roles/iam.serviceAccountOpenIdTokenCreator on it. */
  readonly impersonate?: string | undefined;
  /** Root of the IAM Credentials API, for `impersonate`. */
  readonly endpoint?: string | undefined;
}

/**
 * ID tokens by Application Default Credentials, found by google-auth-library as everywhere at Google: the file in
 * GOOGLE_APPLICATION_CREDENTIALS, gcloud's own, the metadata server. Refuses credentials of users and of workload identity
 * federation unless they impersonate: what those mint is not for the audience asked for, and the library does not say so.
 */
export function adcTokens(options: AdcOptions = {}): TokenSource {
  let found: Promise<TokenSource> | undefined;
  return async (audience, signal) => {
    found ??= findSource(options);
    try {
      return await (await unlessAborted(found, signal))(audience, signal);
    } catch (error) {
      signal?.throwIfAborted();
      found = undefined; // another `gcloud auth …` counts at once
      if (error instanceof MintError) throw error;
      const why = causeText(error);
      // Not transient: the library has tried several times itself.
      throw new MintError({ audience, from, why, fix: noAdcFix, cause: error });
    }
  };
}

const from = "Application Default Credentials";

const noAdcFix =
  "Use a service-account key file (--serviceAccount FILE), or run: gcloud auth application-default login --impersonate-service-account EMAIL";

async function findSource(options: AdcOptions): Promise<TokenSource> {
  // Loaded when first needed: it takes longer to load than most programs take to start.
  const { Compute, GoogleAuth, Impersonated, JWT } = await import("google-auth-library");
  // A project id is not needed, and looking for it runs gcloud: say that it is known.
  const auth = new GoogleAuth({ scopes: cloudPlatform, projectId: "not-needed" });
  const client = await auth.getClient();
  const { impersonate } = options;
  // The library's own `Impersonated` asks the same, but prints a warning whenever one is made.
  if (impersonate !== undefined)
    return iamTokens({
      ...options,
      email: impersonate,
      quotaProject: client.quotaProjectId,
      accessToken: async (signal) => {
        const { token } = await unlessAborted(client.getAccessToken(), signal);
        if (typeof token === "string") return token;
        throw new Error(`${from} gave no access token`);
      },
    });
  if (client instanceof JWT)
    return keyFileTokens({ ...options, key: auth.jsonContent ?? {}, name: from });
  if (client instanceof Compute)
    return minted((audience) => client.fetchIdToken(queryValue(audience)));
  if (client instanceof Impersonated) return minted((audience) => client.fetchIdToken(audience));
  return refused(credentialType(auth.jsonContent));
}

const cloudPlatform = "https://www.googleapis.com/auth/cloud-platform";

function minted(fetchIdToken: (audience: string) => Promise<string>): TokenSource {
  return async (audience, signal) => {
    const value = await unlessAborted(fetchIdToken(audience), signal);
    return readMintedToken({ value, audience, from });
  };
}

function refused(type: string): TokenSource {
  return async (audience) => {
    const why = `they are of type ${type}, which cannot mint an ID token for an audience of your choice`;
    const fix = `Impersonate a service account that may call (callpath: --impersonate EMAIL), or ${noAdcFix.charAt(0).toLowerCase()}${noAdcFix.slice(1)}`;
    throw new MintError({ audience, from, why, fix });
  };
}

function credentialType(json: object | null): string {
  return json !== null && "type" in json && typeof json.type === "string" ? json.type : "unknown";
}
