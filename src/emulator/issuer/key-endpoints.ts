import type { IssuerParts } from "./issuer-parts.ts";
import { falsified } from "./key-ring.ts";
import { jsonAnswer, type LocalAnswer, type LocalRequest } from "./local-server.ts";
import { toCertificate, toJwk } from "./signing-key.ts";

/** The issuer's public keys in both of Google's forms, those of service accounts, and discovery. Undefined: another path. */
export function answerKeyRequest(
  request: LocalRequest,
  issuer: IssuerParts,
): LocalAnswer | undefined {
  const body = document(request, issuer);
  if (body === undefined) return undefined;
  if (request.method !== "GET" && request.method !== "HEAD") {
    return jsonAnswer(
      405,
      { error: { code: 405, message: "Method not allowed" } },
      { allow: "GET" },
    );
  }
  const { keyMaxAgeS, nowMs } = issuer;
  return {
    status: 200,
    headers: {
      "content-type": "application/json; charset=UTF-8",
      // Go's idtoken keeps keys only when both are there.
      "cache-control": `public, max-age=${keyMaxAgeS}, must-revalidate, no-transform`,
      age: "0",
      date: new Date(nowMs()).toUTCString(),
      expires: new Date(nowMs() + keyMaxAgeS * 1000).toUTCString(),
    },
    body,
  };
}

function document({ url, fault, headers }: LocalRequest, issuer: IssuerParts): string | undefined {
  switch (url.pathname) {
    case "/oauth2/v3/certs":
      return falsified(issuer.ring(), fault.lie).keySetJson;
    case "/oauth2/v1/certs":
      return falsified(issuer.ring(), fault.lie).certificatesJson;
    case "/.well-known/openid-configuration":
      return discovery(GOOGLE_HOST.test(headers.host ?? "") ? undefined : issuer.origin);
    default:
      return accountKeys(url.pathname, issuer);
  }
}

/** Public keys of a service account, for JWTs it signs itself. */
function accountKeys(path: string, issuer: IssuerParts): string | undefined {
  const [, form, name = ""] = ACCOUNT_PATH.exec(path) ?? [];
  const email = name.replace("%40", "@");
  const key = form === undefined ? undefined : issuer.accountKeyOf(email);
  if (key === undefined) return undefined;
  const { keyId, publicKey } = key;
  return JSON.stringify(
    form === "service_accounts/v1/jwk"
      ? { keys: [toJwk(keyId, publicKey)] }
      : { [keyId]: toCertificate(publicKey, email, issuer.signer()) },
    null,
    2,
  );
}

/** @param origin where the documents are; undefined: on Google's own host names, which lead here. */
function discovery(origin: string | undefined): string {
  return JSON.stringify(
    {
      issuer: "https://accounts.google.com",
      token_endpoint: `${origin ?? "https://oauth2.googleapis.com"}/token`,
      jwks_uri: `${origin ?? "https://www.googleapis.com"}/oauth2/v3/certs`,
      response_types_supported: ["id_token"],
      subject_types_supported: ["public"],
      id_token_signing_alg_values_supported: ["RS256"],
      scopes_supported: ["openid", "email"],
      token_endpoint_auth_methods_supported: ["private_key_jwt"],
      claims_supported: ["aud", "azp", "email", "email_verified", "exp", "iat", "iss", "sub"],
      grant_types_supported: ["urn:ietf:params:oauth:grant-type:jwt-bearer"],
    },
    null,
    2,
  );
}

const GOOGLE_HOST = /^(accounts\.google\.com|(www|oauth2)\.googleapis\.com)(:\d+)?$/;
const ACCOUNT_PATH =
  /^\/(service_accounts\/v1\/jwk|service_accounts\/v1\/metadata\/x509|robot\/v1\/metadata\/x509)\/([^/]+)$/;
