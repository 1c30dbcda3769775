import type { IssuerParts } from "./issuer-parts.ts";
import { googleError, jsonAnswer, type LocalAnswer, type LocalRequest } from "./local-server.ts";

/**
 * The REST form of google.iam.credentials.v1: generateIdToken and generateAccessToken, for a bearer access token that
 * this issuer minted. `audience` may stand in the body or in the query, where ESPv2 puts it.
 * Undefined: the path is not one of these.
 */
export function answerIamCredentials(
  request: LocalRequest,
  issuer: IssuerParts,
): LocalAnswer | undefined {
  const match = METHOD_PATH.exec(request.url.pathname);
  const email = decode(match?.[1]);
  if (match === null || email === undefined) return undefined;
  if (request.method !== "POST")
    return googleError(404, "NOT_FOUND", "Requested entity was not found.");
  const [scheme, value] = (request.headers.authorization ?? "").split(" ");
  const caller =
    scheme?.toLowerCase() === "bearer" ? issuer.checkAccessToken(value ?? "") : undefined;
  if (caller === undefined) {
    return googleError(
      401,
      "UNAUTHENTICATED",
      "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
    );
  }
  const body = parseBody(request.body);
  if (body === undefined)
    return googleError(400, "INVALID_ARGUMENT", "Invalid JSON payload received.");
  const isIdToken = match[2] === "generateIdToken";
  const delegates = delegatesOf(body);
  if (delegates.length > MAX_DELEGATES) {
    return googleError(400, "INVALID_ARGUMENT", `more than ${MAX_DELEGATES} delegates`);
  }
  const chain = [caller.email, ...delegates, email];
  const isAllowed = chain.every(
    (from, i) => i + 1 === chain.length || issuer.mayMintAs(from, chain[i + 1] ?? ""),
  );
  if (!isAllowed) return denied(isIdToken ? "getOpenIdToken" : "getAccessToken");
  return isIdToken
    ? generateIdToken(email, body, request, issuer)
    : generateAccessToken(email, body, issuer);
}

type Body = Readonly<Record<string, unknown>>;

function generateIdToken(
  email: string,
  body: Body,
  { url, fault }: LocalRequest,
  issuer: IssuerParts,
): LocalAnswer {
  const audience = body.audience ?? url.searchParams.get("audience");
  if (typeof audience !== "string" || audience === "") {
    return googleError(
      400,
      "INVALID_ARGUMENT",
      "Request contains an invalid argument: audience is required.",
    );
  }
  const includeEmail = body.includeEmail === true || body.include_email === true;
  return jsonAnswer(200, { token: issuer.mintOverHttp({ email, audience, includeEmail }, fault) });
}

function generateAccessToken(email: string, body: Body, issuer: IssuerParts): LocalAnswer {
  const scopes = Array.isArray(body.scope)
    ? body.scope.filter((scope) => typeof scope === "string")
    : [];
  if (scopes.length === 0) return googleError(400, "INVALID_ARGUMENT", "Scope required.");
  const lifetimeS = /^(\d{1,5})(\.\d+)?s$/.exec(String(body.lifetime ?? "3600s"))?.[1];
  if (lifetimeS === undefined || Number(lifetimeS) < 1 || Number(lifetimeS) > 3600) {
    return googleError(400, "INVALID_ARGUMENT", "Lifetime must be a duration of 1s to 3600s.");
  }
  const { value, expiresAtMs } = issuer.mintAccessToken({
    email,
    scopes,
    lifetimeS: Number(lifetimeS),
  });
  const expireTime = new Date(expiresAtMs).toISOString().replace(/\.\d+Z$/, "Z");
  return jsonAnswer(200, { accessToken: value, expireTime });
}

/** `projects/-/serviceAccounts/EMAIL`, each allowed to mint as the next. */
function delegatesOf(body: Body): readonly string[] {
  const delegates = Array.isArray(body.delegates) ? body.delegates : [];
  return delegates.map((name) => String(name).split("/").at(-1) ?? "");
}

function denied(permission: string): LocalAnswer {
  const metadata = { permission: `iam.serviceAccounts.${permission}` };
  return googleError(
    403,
    "PERMISSION_DENIED",
    `Permission 'iam.serviceAccounts.${permission}' denied on resource (or it may not exist).`,
    [
      {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        reason: "IAM_PERMISSION_DENIED",
        domain: "iam.googleapis.com",
        metadata,
      },
    ],
  );
}

/** An empty body is an empty message. */
function parseBody(text: string): Body | undefined {
  if (text.trim() === "") return {};
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Body)
      : undefined;
  } catch {
    return undefined;
  }
}

function decode(segment: string | undefined): string | undefined {
  try {
    return segment === undefined ? undefined : decodeURIComponent(segment);
  } catch {
    return undefined; // a broken escape names nobody
  }
}

const METHOD_PATH =
  /^\/v1\/projects\/[^/]+\/serviceAccounts\/([^/:]+):(generateIdToken|generateAccessToken)$/;
const MAX_DELEGATES = 8;
