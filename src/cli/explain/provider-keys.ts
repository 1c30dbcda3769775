import { fetchText, type Reach } from "../../auth/fetch-text.ts";
import { type KeySet, parseKeySet } from "../../auth/key-set.ts";
import type { GatewayModel, JwtProvider } from "../../config/model.ts";
import { GOOGLE_ISSUER_HOSTS } from "../../emulator/issuer/start-issuer.ts";
import type { KeySource } from "../../gateway/decide/key-source.ts";

export interface ProviderKeysOptions {
  /** Instead of every provider's jwks_uri. */
  readonly jwks: URL | undefined;
  /** Origin of the running dev's issuer: it stands for Google's. */
  readonly devIssuer: string | undefined;
  readonly reach: Reach;
}

/** Keys of the model's providers, where they could be had. */
export interface ProviderKeys extends KeySource {
  /** Why some could not, one line a provider. */
  readonly faults: readonly string[];
}

const KEYS_TIMEOUT_MS = 5_000;

/** Fetch them once, all at the same time. A running dev's issuer stands for Google's, as it does for its gateway. */
export async function fetchProviderKeys(
  { providers }: GatewayModel,
  options: ProviderKeysOptions,
): Promise<ProviderKeys> {
  const faults: string[] = [];
  const sets = new Map<string, KeySet>();
  await Promise.all(
    [...providers.values()].map(async (provider) => {
      const found = await keysAt(placeOf(provider, options), options.reach);
      if ("fault" in found) faults.push(found.fault);
      else sets.set(provider.id, found);
    }),
  );
  return { keysOf: ({ id }) => sets.get(id), faults };
}

function placeOf({ jwksUri }: JwtProvider, { jwks, devIssuer }: ProviderKeysOptions): URL {
  if (jwks !== undefined) return jwks;
  const isGoogles = (GOOGLE_ISSUER_HOSTS as readonly string[]).includes(jwksUri.hostname);
  return devIssuer === undefined || !isGoogles ? jwksUri : new URL(jwksUri.pathname, devIssuer);
}

async function keysAt(url: URL, reach: Reach): Promise<KeySet | { readonly fault: string }> {
  const fault = (why: string) => ({ fault: `keys of ${url.href}: ${why}` });
  try {
    const { status, text } = await fetchText({ ...reach, url, timeoutMs: KEYS_TIMEOUT_MS });
    if (status !== 200) return fault(`HTTP ${status}`);
    const keys = parseKeySet(text);
    return "fault" in keys ? fault(keys.detail) : keys;
  } catch (error) {
    return fault(error instanceof Error ? error.message : String(error));
  }
}
