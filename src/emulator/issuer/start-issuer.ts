import { join } from "node:path";
import type { IdToken } from "../../auth/token-source.ts";
import type { LocalCa } from "../ca.ts";
import { AccountKeys } from "./account-keys.ts";
import type { Fault } from "./fault.ts";
import { answerIamCredentials } from "./iam-credentials.ts";
import type { AccessTokenRequest, IssuerParts } from "./issuer-parts.ts";
import { openIssuerState, saveIssuerState } from "./issuer-state.ts";
import { answerKeyRequest } from "./key-endpoints.ts";
import { keyFile, type ServiceAccountKeyFile } from "./key-file.ts";
import { type KeyRing, keyRing, signingNow, withKey } from "./key-ring.ts";
import {
  googleError,
  type LocalAnswer,
  type LocalRequest,
  startLocalServer,
} from "./local-server.ts";
import { mintUnderFault } from "./mint-under-fault.ts";
import { generateRsaKey, signingKey } from "./signing-key.ts";
import { answerTokenRequest } from "./token-endpoint.ts";
import {
  type AccessToken,
  type AccessTokenFacts,
  type IdTokenRequest,
  mintAccessToken,
  mintIdToken,
  readAccessToken,
} from "./tokens.ts";

export interface IssuerOptions {
  /** Keys lie here, in issuer-keys.json (0600): tokens and key files outlive a restart. */
  readonly stateDir: string;
  readonly ca: LocalCa;
  readonly nowMs: () => number;
  /** Default 0: a free one. Both on 127.0.0.1. */
  readonly port?: number;
  readonly tlsPort?: number;
  /** How long verifiers may keep the key sets, in seconds. Default 300. */
  readonly keyMaxAgeS?: number;
  /** May `caller` mint tokens of `target` by IAM Credentials? Default: everybody who shows a live access token. */
  readonly mayMintAs?: (caller: string, target: string) => boolean;
  /** What an operator should know; never a token or key. Default: said to nobody. */
  readonly log?: (message: string) => void;
}

/** Google's token issuer on this machine: signs ID tokens, mints access tokens, publishes its keys. */
export interface RunningIssuer extends AsyncDisposable {
  /** http://127.0.0.1:PORT/ : /token, /oauth2/v3/certs, /oauth2/v1/certs, /.well-known/openid-configuration, IAM Credentials. */
  readonly url: URL;
  /** The same over TLS, for the names in GOOGLE_ISSUER_HOSTS, localhost and 127.0.0.1; certificate from the CA. */
  readonly tlsPort: number;
  /** For local tools: an ID token of whomever. */
  mint(request: IdTokenRequest): IdToken;
  mintAccessToken(request: AccessTokenRequest): AccessToken;
  /** What a live access token of this issuer stands for; undefined for any other string. */
  checkAccessToken(value: string): AccessTokenFacts | undefined;
  /** The account's key file: made once, the same key ever after. */
  keyFileFor(email: string): Promise<ServiceAccountKeyFile>;
  /** Delete the account's key: what is signed with it is refused from now on. */
  deleteKeyOf(email: string): void;
  /** The current JWKS, for checks in this process. */
  readonly keySetJson: string;
  /** Publish a new key, and sign with it from `signAfterMs` (default 0) on. Resolves when it is published. */
  rotate(options?: { readonly signAfterMs?: number }): Promise<{ readonly kid: string }>;
  /** For tests: go wrong over HTTP as told, until told otherwise. */
  setFault(fault: Fault | undefined): void;
}

/** Google's names that are this issuer's here. */
export const GOOGLE_ISSUER_HOSTS = [
  "www.googleapis.com",
  "oauth2.googleapis.com",
  "accounts.google.com",
  "iamcredentials.googleapis.com",
] as const;

/** Start it. Rejects when a port is in use or the state cannot be read or written. */
export async function startIssuer(options: IssuerOptions): Promise<RunningIssuer> {
  const { stateDir, ca, nowMs, log = () => {}, mayMintAs = () => true } = options;
  const file = join(stateDir, "issuer-keys.json");
  const { signing, accounts: kept, secret } = await openIssuerState(file, nowMs, log);
  let ring = keyRing(signing);
  let fault: Fault | undefined;
  const accounts = new AccountKeys(kept, () => save(ring));
  const save = (next: KeyRing): void =>
    saveIssuerState(file, { signing: next.keys, accounts: accounts.all, secret });

  const mint = (request: IdTokenRequest): IdToken =>
    mintIdToken(request, signingNow(ring, nowMs()), nowMs());
  const parts = {
    nowMs,
    origin: "",
    tokenAudiences: new Set(GOOGLE_TOKEN_AUDIENCES),
    keyMaxAgeS: options.keyMaxAgeS ?? 300,
    ring: () => ring,
    signer: () => signingNow(ring, nowMs()),
    accountKeyOf: (email: string) => accounts.get(email),
    mintOverHttp: (request: IdTokenRequest, current: Fault) =>
      mintUnderFault(mint, request, current),
    mintAccessToken: ({ email, scopes, lifetimeS = 3600 }: AccessTokenRequest) =>
      mintAccessToken({ email, scopes, expiresAtMs: nowMs() + lifetimeS * 1000 }, secret),
    checkAccessToken: (value: string) => readAccessToken(value, secret, nowMs()),
    mayMintAs,
  } satisfies IssuerParts;

  const server = {
    answer: (request: LocalRequest): LocalAnswer => answer(request, parts),
    fault: () => fault,
    onError: (error: unknown) => log(`the issuer failed: ${String(error)}`),
  };
  const clear = await startLocalServer({ ...server, port: options.port ?? 0 });
  const url = new URL(`http://127.0.0.1:${clear.port}/`);
  parts.origin = url.origin;
  for (const host of ["127.0.0.1", "localhost"]) {
    for (const path of TOKEN_PATHS) parts.tokenAudiences.add(`http://${host}:${clear.port}${path}`);
  }
  const tls = ca.issue(["localhost", "127.0.0.1", "::1", ...GOOGLE_ISSUER_HOSTS]);
  const secure = await startLocalServer({ ...server, tls, port: options.tlsPort ?? 0 }).catch(
    async (error) => {
      await clear[Symbol.asyncDispose]();
      throw error;
    },
  );

  return {
    url,
    tlsPort: secure.port,
    mint,
    mintAccessToken: parts.mintAccessToken,
    checkAccessToken: parts.checkAccessToken,
    async keyFileFor(email) {
      return keyFile(email, await accounts.getOrMake(email), url.origin);
    },
    deleteKeyOf: (email) => accounts.delete(email),
    get keySetJson() {
      return ring.keySetJson;
    },
    async rotate({ signAfterMs = 0 } = {}) {
      const privateKey = await generateRsaKey();
      const key = signingKey(privateKey, nowMs(), nowMs() + signAfterMs);
      const next = withKey(ring, key, nowMs());
      save(next);
      ring = next;
      return { kid: key.kid };
    },
    setFault(next) {
      fault = next;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([clear[Symbol.asyncDispose](), secure[Symbol.asyncDispose]()]);
    },
  };
}

function answer(request: LocalRequest, parts: IssuerParts): LocalAnswer {
  const { pathname } = request.url;
  if (TOKEN_PATHS.includes(pathname)) return answerTokenRequest(request, parts);
  return (
    answerKeyRequest(request, parts) ??
    answerIamCredentials(request, parts) ??
    googleError(404, "NOT_FOUND", `the local issuer has nothing at ${pathname}`)
  );
}

/** Where Google's token endpoint has been found over the years. */
const TOKEN_PATHS: readonly string[] = ["/token", "/oauth2/v4/token", "/o/oauth2/token"];
/** `aud` of assertions; google-auth-library always says the first, whatever `token_uri` the key file names. */
const GOOGLE_TOKEN_AUDIENCES = [
  "https://oauth2.googleapis.com/token",
  "https://www.googleapis.com/oauth2/v4/token",
  "https://accounts.google.com/o/oauth2/token",
];
