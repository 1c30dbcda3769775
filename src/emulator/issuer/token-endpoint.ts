import { verify } from "node:crypto";
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from "jose";
import type { IssuerParts } from "./issuer-parts.ts";
import { jsonAnswer, type LocalAnswer, type LocalRequest } from "./local-server.ts";

/**
 * POST /token: the JWT-bearer grant of a service account. `target_audience` in the assertion asks for an ID token,
 * `scope` for an access token; both: an ID token, as google-auth-library expects.
 * @see RFC 7523; https://developers.google.com/identity/protocols/oauth2/service-account
 */
export function answerTokenRequest(request: LocalRequest, issuer: IssuerParts): LocalAnswer {
  if (request.method !== "POST")
    return refuse("invalid_request", "the token endpoint takes POST", 405);
  const type = request.headers["content-type"]?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/x-www-form-urlencoded") {
    return refuse("invalid_request", "send application/x-www-form-urlencoded");
  }
  const form = new URLSearchParams(request.body);
  const grantType = form.get("grant_type");
  if (grantType === null)
    return refuse("invalid_request", "Missing required parameter: grant_type");
  if (grantType !== JWT_BEARER) {
    return refuse("unsupported_grant_type", `Invalid grant_type: ${grantType.slice(0, 100)}`);
  }
  const assertion = form.get("assertion");
  if (!assertion) return refuse("invalid_request", "Missing required parameter: assertion");
  return grant(assertion, issuer, request);
}

function grant(assertion: string, issuer: IssuerParts, request: LocalRequest): LocalAnswer {
  const claims = checkAssertion(assertion, issuer);
  if ("refused" in claims) return claims.refused;
  const { email, payload } = claims;
  const audience = payload.target_audience;
  if (typeof audience === "string" && audience !== "") {
    const token = issuer.mintOverHttp({ email, audience, authorizedParty: email }, request.fault);
    return jsonAnswer(200, { id_token: token }, NO_STORE);
  }
  const scopes = typeof payload.scope === "string" ? payload.scope.split(" ").filter(Boolean) : [];
  if (scopes.length === 0) {
    return refuse("invalid_scope", "Invalid OAuth scope or ID token audience provided.");
  }
  const { value } = issuer.mintAccessToken({ email, scopes });
  return jsonAnswer(200, { access_token: value, expires_in: 3599, token_type: "Bearer" }, NO_STORE);
}

type Checked =
  | { readonly email: string; readonly payload: JWTPayload }
  | { readonly refused: LocalAnswer };

/** Whose assertion it is, or Google's words for what is wrong with it. */
function checkAssertion(
  assertion: string,
  { accountKeyOf, tokenAudiences, nowMs }: IssuerParts,
): Checked {
  const parsed = parse(assertion);
  if (parsed === undefined) return refused("Invalid JWT: Failed to parse the assertion");
  const { alg, kid, payload, input, signature } = parsed;
  const { iss, sub, aud, iat, exp } = payload;
  if (typeof iss !== "string" || iss === "") return refused("Invalid JWT: iss field missing.");
  const key = accountKeyOf(iss);
  if (key === undefined) return refused("Invalid grant: account not found");
  const isKnown = kid === undefined || kid === key.keyId;
  if (alg !== "RS256" || !isKnown || !verify("sha256", input, key.publicKey, signature)) {
    return refused("Invalid JWT Signature.");
  }
  const [audience] = [aud].flat();
  if (audience === undefined || !tokenAudiences.has(audience)) {
    const right = tokenAudiences.values().next().value;
    return refused(`Invalid JWT: Failed audience check. The right audience is ${right}`);
  }
  if (!isShortLived(iat, exp, nowMs())) {
    return refused(
      "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.",
    );
  }
  if (sub !== undefined && sub !== iss) {
    const words =
      "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.";
    return { refused: refuse("unauthorized_client", words, 401) };
  }
  return { email: iss, payload };
}

function parse(assertion: string) {
  try {
    const { alg, kid } = decodeProtectedHeader(assertion);
    const payload = decodeJwt(assertion);
    const end = assertion.lastIndexOf(".");
    const signature = Buffer.from(assertion.slice(end + 1), "base64url");
    return { alg, kid, payload, input: Buffer.from(assertion.slice(0, end)), signature };
  } catch {
    return undefined; // jose's words would quote the assertion
  }
}

function isShortLived(iat: unknown, exp: unknown, nowMs: number): boolean {
  if (typeof iat !== "number" || typeof exp !== "number") return false;
  const nowS = nowMs / 1000;
  return exp - iat <= 3600 && exp > nowS - SKEW_S && exp > iat && iat < nowS + SKEW_S;
}

function refused(description: string): Checked {
  return { refused: refuse("invalid_grant", description) };
}

function refuse(error: string, description: string, status = 400): LocalAnswer {
  return jsonAnswer(status, { error, error_description: description }, NO_STORE);
}

const JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** How far the caller's clock may be off. */
const SKEW_S = 300;
const NO_STORE = { "cache-control": "no-cache, no-store, max-age=0, must-revalidate" };
